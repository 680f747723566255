"""Which folder does a data set lie in, below the data root, and where does one get it?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownDataset:
    """folders: names that fast-reid's class accepts, first the usual one. needs: what must lie in the folder."""

    folders: tuple[str, ...]
    needs: tuple[str, ...]
    source: str


KNOWN_DATASETS = {
    "Market1501": KnownDataset(
        ("Market-1501-v15.09.15",),
        ("bounding_box_train", "query", "bounding_box_test"),
        "https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html",
    ),
    "MSMT17": KnownDataset(
        ("MSMT17_V1", "MSMT17_V2"),
        ("list_train.txt", "list_val.txt", "list_query.txt", "list_gallery.txt"),
        "https://www.pkuvmc.com/dataset.html (on request)",
    ),
}
