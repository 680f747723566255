"""An answer as a section of a page: the query photo, and the gallery's most similar photos with what is known of them."""

from pathlib import Path

from dcac_fastreid import data
from dcac_fastreid.deploy.search.answers import Answer, Hit
from dcac_fastreid.deploy.search.cameras_and_times import time_text
from dcac_fastreid.names import printable
from dcac_fastreid.pages.content import Section, Strip, Tile
from dcac_fastreid.pages.sheet import tile_section

MOST = 100  # photos that are shown; nobody looks at more


def answer_section(number: int, answer: Answer, folder: Path, verdict: str) -> Section:
    """The verdict, the query and the first MOST photos. One above the threshold has a blue frame and says so.

    Args:
        number: of the search, from 1.
        folder: of the gallery's photos; names are shown relative to it.
    """
    hits = answer.hits[:MOST]
    heading = f"{verdict}."
    if len(hits) < len(answer.hits):
        heading += f" These are the first {len(hits)} of {len(answer.hits):,} photos."
    tiles = [Tile(data.read_image(str(answer.photo)), ["query"], printable(answer.photo.name), "query")]
    for rank, (hit, name) in enumerate(zip(hits, answer.names(folder), strict=False), start=1):
        tone = "above" if hit.above_threshold else "below"
        tiles.append(Tile(data.read_image(str(hit.photo)), _lines(rank, hit), name, tone))
    title = f"Who is on {printable(answer.photo.name)}?"
    return tile_section(f"search-{number}", title, [Strip(tiles, heading)], "", large_tiles=True)


def _lines(rank: int, hit: Hit) -> list[str]:
    known = [] if hit.probability is None else [f"same person {hit.chance}"]
    place = [] if hit.camera is None else [f"camera {hit.camera}"]
    place += [] if hit.time is None else [time_text(hit.time)]
    return [f"{rank}. {hit.threshold_words}".rstrip(), f"similarity {hit.similarity:.3f}", *known, *place]
