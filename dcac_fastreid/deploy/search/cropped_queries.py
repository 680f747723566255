"""The queries of a search: photos as they are, and of whole photos each person."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from dcac_fastreid import data
from dcac_fastreid.deploy.detector import Person, PersonDetector
from dcac_fastreid.deploy.search.answers import Answer
from dcac_fastreid.deploy.search.crop import why_no_crop
from dcac_fastreid.deploy.search.whole_photos import crop_name, people_on, write_crop


@dataclass(frozen=True)
class Query:
    """file: what is searched. name: how it is called. note: where on a whole photo it is; "" where it is no crop of ours."""

    file: Path
    name: str
    note: str = ""

    def explained(self, answer: Answer) -> Answer:
        """The answer to this query, with the note in place of the hint: a crop of ours is no whole photo, whatever its shape."""
        return replace(answer, hint=self.note) if self.note else answer


def as_queries(photos: Iterable[Path]) -> list[Query]:
    """Each photo as it is."""
    return [Query(photo, str(photo)) for photo in photos]


def crop_queries(photos: list[Path], detector: PersonDetector, folder: Path) -> tuple[list[Query], list[Path]]:
    """Queries, each person on a whole photo one of its own, the largest first; and the whole photos on which nobody was found.

    Args: folder: takes the crops; they have to stay there until the answers are shown.
    """
    queries, nobody = [], []
    for number, photo in enumerate(tqdm(photos, desc="people", unit="photo", disable=None, leave=False)):
        if not why_no_crop(photo):
            queries += as_queries([photo])
            continue
        people = people_on(data.read_image(str(photo)), detector)
        # The folders of the photo, too: one may be called as its camera.
        place = folder.joinpath(str(number), *(part for part in photo.parts[:-1] if part not in (photo.anchor, "..")))
        for nth, (person, crop) in enumerate(people, start=1):
            file = place / crop_name(photo, nth)
            write_crop(crop, file)
            queries.append(Query(file, f"{photo}, person {nth} of {len(people)}", _where(person)))
        if not people:
            nobody.append(photo)
    return queries, nobody


def _where(person: Person) -> str:
    left, top, right, bottom = person.box
    return f"Cut out of the photo at left {left}, top {top}, right {right}, bottom {bottom} (score {person.score:.2f})"
