"""Embedding map: features of test images in the plane (t-SNE), coloured by identity, by camera and by domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

import numpy as np
from torch.nn.functional import normalize

from dcac_fastreid import data
from dcac_fastreid.analysis.figures import COLOURS, FAINT, draw_panels
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.data.readers.person_folders import cameras_known, person_names
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import Section

DOMAINS = ("DG_Market1501", "DG_DukeMTMC", "DG_MSMT17", "DG_CUHK03NP")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LEAST = 8  # images, for a map that shows anything
PANEL = (3.7, 4.85)  # inches
AXES = (0.03, 0.235, 0.94, 0.7)  # of a panel: square, with room for a legend of seven lines below
PERPLEXITY = 30.0  # scikit-learn's own choice, where there are images enough


@dataclass(frozen=True)
class Sample:
    """Test images of several domains; M of them.

    Attributes:
        paths: M. domains: (M,) numbers into `names`. people, cameras: (M,), as their domain counts them; camera -1 is unknown.
        person_names: (domain, person) -> the name to show, where that is not the number.
    """

    names: Sequence[str]
    paths: Sequence[str]
    domains: np.ndarray
    people: np.ndarray
    cameras: np.ndarray
    person_names: Mapping[tuple[int, int], str] = field(default_factory=dict)


def sections(run: Run, *, datasets: Sequence[str] = (), images: int = 1500, seed: int = 0) -> list[Section]:
    """One map of three panels.

    Args:
        datasets: (): those of DOMAINS that lie in the data root, and the run's own test set.
        images: of all domains together, about, in whole identities.
        seed: of the choice of identities and of the map.
    Raises: InputError: a data set that is not known or cannot be read, or too few images.
    """
    cfg = run.tested_on(datasets or _present(run.cfg))
    sample = take_sample(cfg.DATASETS.TESTS, data.data_root(cfg.DATASETS.ROOT), images, seed)
    features = normalize(run.features(sample.paths)).numpy()
    png, panels = _draw(sample, plane(features, seed))
    caption = (
        f"Features of {run.name}: {len(sample.paths)} test images of {_listed(sample.names)}, all images of randomly "
        "chosen identities, laid into the plane by t-SNE. Neighbours on the map are neighbours by cosine; distances "
        "between groups and their sizes mean nothing. First panel: some identities. Second: the cameras of "
        f"{_short(sample.names[0])}, by number. Third: the domains. " + _neighbours(sample, features)
    )
    return [Section("embedding", "Embedding map", png, caption, panels=panels)]


def _present(cfg) -> list[str]:
    root = data.data_root(cfg.DATASETS.ROOT)
    found = [name for name in DOMAINS if not KNOWN_DATASETS[name].locate(root).lacking]
    return list(dict.fromkeys((*cfg.DATASETS.TESTS, *found)))


def take_sample(names: Sequence[str], root: str, images: int, seed: int) -> Sample:
    """Query and gallery images of identities drawn from the queries', an equal share of `images` for each domain, about.

    Raises: InputError: fewer than LEAST images are asked for, or are there.
    """
    if images < LEAST:
        raise InputError(f"an embedding map of {images} images shows nothing; expected {LEAST} or more (--images)")
    generator = np.random.default_rng(seed)
    chosen, called = [], {}
    for domain, name in enumerate(names):
        dataset = read_dataset(name, root)
        of_person: dict = {person: [] for person in sorted({person for _, person, _ in dataset.query})}
        known = cameras_known(dataset, "query")
        for path, person, camera in (*dataset.query, *dataset.gallery):
            if person in of_person:  # else a distractor
                of_person[person].append((path, domain, person, camera if known else -1))
        called |= {(domain, person): shown for person, shown in person_names(dataset).items()}
        room = max(1, images // len(names))
        for person in generator.permutation(list(of_person)):
            if room <= 0:
                break
            chosen += of_person[person]
            room -= len(of_person[person])
    if len(chosen) < LEAST:
        raise InputError(
            f"the identities drawn from {_listed(names)} have {len(chosen)} images, expected {LEAST} or more for an embedding map; "
            "raise --images, or name other data sets"
        )
    paths, *numbers = zip(*chosen, strict=True)
    return Sample(list(names), paths, *map(np.array, numbers), called)


def plane(features: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE of unit features (M, D) from their first two principal components on: (M, 2). The same seed, the same map."""
    from sklearn.manifold import TSNE  # seconds

    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    return TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(features)


def _neighbours(sample: Sample, features: np.ndarray) -> str:
    """How many images have a nearest other image of their own person, camera and domain: a number beside the impression."""
    similarities = features @ features.T
    np.fill_diagonal(similarities, -np.inf)
    nearest = similarities.argmax(axis=1)
    domain = sample.domains == sample.domains[nearest]
    person = domain & (sample.people == sample.people[nearest])
    camera = domain & (sample.cameras == sample.cameras[nearest])
    by_camera = f"by the same camera for {camera.mean():.1%}, " if (sample.cameras >= 0).all() else ""
    return (
        f"In the full space the nearest other image is of the same person for {person.mean():.1%} of the images, {by_camera}of "
        f"the same domain for {domain.mean():.1%}."
    )


def _draw(sample: Sample, points: np.ndarray) -> tuple[bytes, list[bytes]]:
    def draw_panel(title: str, panel: Callable, columns: int) -> Callable:
        def draw(figure):
            axes = figure.add_axes(AXES)
            panel(axes, sample, points)
            axes.set_title(title)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(True)
            below = {"loc": "upper left", "bbox_to_anchor": (0, -0.01, 1, 0), "mode": "expand", "ncols": columns}
            axes.legend(**below, fontsize=8.5, markerscale=1.4)

        return draw

    titles = "identity", f"camera ({_short(sample.names[0])})", "domain"
    kinds = (_draw_identities, 2), (_draw_cameras, 3), (_draw_domains, 2)
    panels = [draw_panel(title, *kind) for title, kind in zip(titles, kinds, strict=True)]
    return draw_panels(panels, *PANEL, columns=len(panels), layout="none")


def _draw_identities(axes, sample: Sample, points: np.ndarray) -> None:
    axes.scatter(*points.T, s=5, color=FAINT, alpha=0.35, linewidths=0, label="all others")
    for number, (domain, person) in enumerate(_largest(sample)[: len(MARKERS)]):
        chosen = (sample.domains == domain) & (sample.people == person)
        label = f"{_short(sample.names[domain])} {sample.person_names.get((domain, person), person)}"
        axes.scatter(*points[chosen].T, s=26, color=COLOURS[number], marker=MARKERS[number], linewidths=0, label=label)


def _largest(sample: Sample) -> list[tuple[int, int]]:
    """(domain, person) with the most images of their domain, the domains in turn."""
    of_domain = []
    for domain in range(len(sample.names)):
        people, counts = np.unique(sample.people[sample.domains == domain], return_counts=True)
        of_domain.append([(domain, person) for person in people[counts.argsort(kind="stable")[::-1]]])
    return [each for each in chain.from_iterable(zip_longest(*of_domain)) if each]


def _draw_cameras(axes, sample: Sample, points: np.ndarray) -> None:
    """Of the first domain: a colour for each camera of all domains would be told from no other."""
    first = sample.domains == 0
    axes.scatter(*points[~first].T, s=5, color=FAINT, alpha=0.35, linewidths=0, label="other domains")
    for place, camera in enumerate(np.unique(sample.cameras[first])):
        name = str(camera + 1) if camera >= 0 else "?"
        style = {"color": COLOURS[place % len(COLOURS)], "marker": f"${name}$", "s": 34 * len(name)}  # of one height
        chosen = first & (sample.cameras == camera)
        axes.scatter(*points[chosen].T, linewidths=0, label=f"camera {name}", **style)


def _draw_domains(axes, sample: Sample, points: np.ndarray) -> None:
    for domain, name in enumerate(sample.names):
        style = {"color": COLOURS[domain % len(COLOURS)], "marker": MARKERS[domain % len(MARKERS)]}
        axes.scatter(*points[sample.domains == domain].T, s=9, alpha=0.6, linewidths=0, label=_short(name), **style)


def _short(name: str) -> str:
    return name.removeprefix("DG_")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
