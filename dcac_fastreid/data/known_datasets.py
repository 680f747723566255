"""Which folders does a data set lie in, below the data root, and where does one get it?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownDataset:
    """layouts: folder that fast-reid's class accepts -> what must lie in it; the usual one first. source: where it comes from."""

    layouts: dict[str, tuple[str, ...]]
    source: str


MARKET_PARTS = ("bounding_box_train", "query", "bounding_box_test")
MSMT17_LISTS = ("list_train.txt", "list_val.txt", "list_query.txt", "list_gallery.txt")

KNOWN_DATASETS = {
    "Market1501": KnownDataset(
        {"Market-1501-v15.09.15": MARKET_PARTS},
        "https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html",
    ),
    "MSMT17": KnownDataset(
        {
            "MSMT17_V1": ("train", "test", *MSMT17_LISTS),
            "MSMT17_V2": ("mask_train_v2", "mask_test_v2", *MSMT17_LISTS),
        },
        "https://www.pkuvmc.com/dataset.html (on request)",
    ),
}
