"""Is everything there that a run will read? Asked before anything is started, and answered with all that is missing at once."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from dcac_fastreid import data
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.diffusion.weight_files import FILE_SUFFIXES, missing_parts
from dcac_fastreid.errors import InputError, MissingInputs
from dcac_fastreid.hub import is_hub_id
from dcac_fastreid.output_files import check_writable
from dcac_fastreid.reid import names_tag

CLIP_SOURCE = (
    "https://openaipublic.azureedge.net/clip/models/"
    "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f/ViT-B-16.pt"
)
STABLE_DIFFUSION_SOURCE = (
    "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5 (folders unet, vae, scheduler)"
)
# An encoder and a denoiser that is conditioned on its embeddings, in one folder.
IMAGE_VARIATIONS = "Stable Diffusion image variations"
IMAGE_VARIATIONS_SOURCE = "https://huggingface.co/lambdalabs/sd-image-variations-diffusers (revision v2.0)"
TRAIN = "dcac-fastreid train --config-file DCAC/synthetic"


def check_inputs(cfg, *, training: bool) -> None:
    """Looks for the data sets and weights that a run of cfg reads.

    Args:
        training: else an evaluation of MODEL.WEIGHTS.
    Raises:
        InputError: a data root that fast-reid would misread, a data set that cannot be read, trained or
            tested on, or a training image that is a test image.
        MissingInputs: with one message that lists ALL that is missing: what, the path expected, where to get it.
    """
    check_there([cfg], training=training)
    check_data([cfg], training=training)
    if training:
        check_images([cfg])


def check_there(configs: Sequence, *, training: bool) -> None:
    """The first part of `check_inputs`, for all runs of one command at once: reads no list of a data set and writes nothing.

    Raises: InputError, MissingInputs: as that; the latter lists what any of them lacks, each thing once.
    """
    missing = {}
    for cfg in configs:
        _check_market_root(cfg, training)
        missing |= dict.fromkeys([*_missing(cfg, training)])
    if missing:
        how_many = "1 thing is" if len(missing) == 1 else f"{len(missing)} things are"
        raise MissingInputs(f"nothing was started, {how_many} missing:", missing, _without_downloads(configs[0]))


def check_data(configs: Sequence, *, training: bool) -> None:
    """The second part: lists of the data sets, without a look at an image, and nothing is written.

    Raises: InputError: as `check_inputs`; of several faults one that lists them all.
    """
    _check_each(configs, lambda cfg: data.check_datasets(cfg, training=training))


def check_images(configs: Sequence) -> None:
    """The third part, of trainings: no training image is a test image.

    Every image is decoded, which takes minutes the first time; what the trainings make of it is kept in the cache folder.

    Raises: InputError: as `check_inputs`; of several faults one that lists them all.
    """
    _check_each(configs, lambda cfg: data.check_leakage(cfg, data.making_pixels))


def _check_each(configs: Sequence, check: Callable) -> None:
    """Each choice of data sets once, whatever else the configs say."""
    faults = {}
    # Of equal ones the last counts: DCAC keeps more of the images that are decoded than its baseline.
    in_order = sorted(configs, key=lambda cfg: cfg.MODEL.META_ARCHITECTURE == "DCAC")
    for cfg in {_what_data(cfg): cfg for cfg in in_order}.values():
        try:
            check(cfg)
        except InputError as error:
            faults[str(error)] = error
    if len(faults) == 1:
        raise next(iter(faults.values()))
    if faults:
        raise InputError(f"nothing was started, {len(faults)} things are wrong with the data:", faults)


def _what_data(cfg) -> tuple:
    """Equal for configs of which these checks say the same."""
    nodes = cfg.DATASETS, cfg.DATALOADER, cfg.TEST, cfg.INPUT
    return (*(node.dump() for node in nodes), cfg.SOLVER.IMS_PER_BATCH, bool(cfg.SOLVER.INTERPOLATE.CHOOSE))


def _missing(cfg, training: bool) -> list[str]:
    missing = _missing_datasets(cfg, training) + (_missing_pretrained(cfg) if training else [])
    if cfg.MODEL.WEIGHTS and not Path(cfg.MODEL.WEIGHTS).is_file():
        missing.append(f"the checkpoint: no file {cfg.MODEL.WEIGHTS} (MODEL.WEIGHTS)")
    if not training and not cfg.MODEL.WEIGHTS:
        missing.append("the checkpoint to evaluate: add MODEL.WEIGHTS path/to/model_final.pth to the command")
    return missing


def check_cache(cfg, *, training: bool) -> None:
    """Asks whether the cache folder can be written, where a run of cfg writes there: latents, pixels, a synthetic data set.

    Raises: InputError: it cannot; the sentence names the environment variable that chooses another one.
    """
    keeps = training and (cfg.MODEL.META_ARCHITECTURE == "DCAC" or data.training_pixels(cfg) is not None)
    if keeps or not data.synthetic_data_is_there(cfg.DATASETS.ROOT):
        check_writable(
            data.cache_folder(),
            "the cache folder is",
            "set the environment variable DCAC_FASTREID_CACHE to a folder that can be written",
        )


def _without_downloads(cfg) -> str:
    root = cfg.DATASETS.ROOT
    if "PersonFolders" in cfg.DATASETS.NAMES and root:
        return f"Small parts that come with the package need no weights: {TRAIN}/own_photos.yml DATASETS.ROOT {shlex.quote(root)}"
    return f"The same method on a small synthetic data set needs none of this: {TRAIN}/ma_ms.yml"


def _check_market_root(cfg, training: bool) -> None:
    """fast-reid's own classes look for "PERSON_cCAMERA" in the whole path: such a folder would give every image one person."""
    for name in _dataset_names(cfg, training):
        if name not in ("Market1501", "DukeMTMC"):
            continue
        root = data.data_root(cfg.DATASETS.ROOT)
        if found := re.search(r"[-\d]+_c\d", root):
            raise InputError(
                f"the data root {root} contains {found[0]!r}, which fast-reid's {name} would take for person and camera of "
                f"every image; use DG_{name}, which reads the file names alone"
            )


def _dataset_names(cfg, training: bool) -> list[str]:
    return list(dict.fromkeys((*(cfg.DATASETS.NAMES if training else ()), *cfg.DATASETS.TESTS)))


def _missing_datasets(cfg, training: bool) -> list[str]:
    if not data.synthetic_data_is_there(cfg.DATASETS.ROOT):  # made on first use, complete
        return []
    root = Path(data.data_root(cfg.DATASETS.ROOT))
    where = "DATASETS.ROOT" if cfg.DATASETS.ROOT else "the environment variable FASTREID_DATASETS, or DATASETS.ROOT"
    missing = []
    for name in _dataset_names(cfg, training):
        known = KNOWN_DATASETS.get(name)
        if known is None:  # fast-reid's other data sets: data.check_datasets tries them
            continue
        located = known.locate(root)
        if located.lacking:
            hint = f"; {data.point_to_check_data(root)}" if root.is_dir() else ""
            missing.append(f"{name}: {located.what_lacks()} (root: {where}); get it from {known.source}{hint}")
    return missing


def _missing_pretrained(cfg) -> list[str]:
    cfg = data.with_local_weights(cfg)
    missing = []
    encoder, denoiser = ("CLIP ViT-B/16", CLIP_SOURCE), ("Stable Diffusion 1.5", STABLE_DIFFUSION_SOURCE)
    if cfg.MODEL.META_ARCHITECTURE == "DCAC" and cfg.MODEL.DCAC.CONDITIONER.NAME == "ImageEmbeddingConditioner":
        encoder = denoiser = (IMAGE_VARIATIONS, IMAGE_VARIATIONS_SOURCE)
    if cfg.MODEL.BACKBONE.NAME == "build_clip_vit_backbone" and cfg.MODEL.BACKBONE.PRETRAIN:
        path = cfg.MODEL.BACKBONE.PRETRAIN_PATH
        if not Path(path).is_file() and not names_tag(cfg.MODEL.CLIP.ARCH, path):
            path = path or "(MODEL.BACKBONE.PRETRAIN_PATH is empty)"
            name, source = encoder
            missing.append(f"{name}: no file {path} (MODEL.BACKBONE.PRETRAIN_PATH); get it from {source}")
    if cfg.MODEL.META_ARCHITECTURE == "DCAC":
        what = _missing_stable_diffusion(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
        if what:
            name, source = denoiser
            missing.append(f"{name}: {what} (MODEL.DCAC.DIFFUSION.WEIGHTS); get it from {source}")
    return missing


def _missing_stable_diffusion(weights: str) -> str:
    """What is missing, or "". Of a model on the hub nothing is asked here: the loader finds it, or says why not."""
    path = Path(weights)
    if weights and (path.is_file() or is_hub_id(weights)):
        return ""
    if not weights or not path.is_dir():
        named = weights or "is named"
        return f"no file {named}" if path.suffix in FILE_SUFFIXES else f"no folder {named}"
    lacking = missing_parts(path)
    return f"{', '.join(lacking)} in {path}" if lacking else ""
