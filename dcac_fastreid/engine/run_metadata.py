"""What are the numbers of a run of: which data, protocol, weights, settings and code."""

import json
import logging
from pathlib import Path

import torch

from dcac_fastreid import data
from dcac_fastreid.checkpoint import marks
from dcac_fastreid.diffusion.hub import hub_folder, to_fetch
from dcac_fastreid.engine.settings import autocast_dtype
from dcac_fastreid.engine.versions import describe_versions
from dcac_fastreid.hub import is_hub_id
from dcac_fastreid.json_files import read_object
from dcac_fastreid.output_files import write_whole
from dcac_fastreid.reid import weights_file
from fastreid.utils import comm

FILE = "stamp.json"  # in OUTPUT_DIR
BEFORE = "before_resuming"
logger = logging.getLogger("fastreid.dcac")


def run_metadata(cfg, *, training: bool = True) -> dict:
    """All that a result must tell so that others know what it is a result of; JSON-able, without a path of the machine.

    Args:
        cfg: of a run whose checks are done: everything that it names is there.
        training: else an evaluation of MODEL.WEIGHTS.
    Raises: InputError or OSError: a data set or file of weights is gone.
    """
    root = data.data_root(cfg.DATASETS.ROOT)
    sources, tests = list(cfg.DATASETS.NAMES if training else ()), list(cfg.DATASETS.TESTS)
    return {
        **(_of_training(cfg, sources) if training else {}),
        "tests": tests,
        "data_sets": {
            name: data.describe_dataset(name, root, cfg if name in sources else None)
            for name in dict.fromkeys(sources + tests)
        },
        "drawn_world": data.describe_synthetic(root),
        "input_size": {"train": list(cfg.INPUT.SIZE_TRAIN), "test": list(cfg.INPUT.SIZE_TEST)},
        "weights": _weights(cfg, training),
        "marks": marks(cfg.MODEL.WEIGHTS, tests),
        "versions": describe_versions(),
        "device": _device(torch.device(cfg.MODEL.DEVICE)),
    }


def write_run_metadata(cfg, *, training: bool = True, resumed: bool = False) -> None:
    """Writes stamp.json into OUTPUT_DIR, once for all processes.

    If those of a resumed run have changed since, as by another commit or GPU, it keeps the earlier ones too, below
    "before_resuming", which only such a run has.
    """
    if not cfg.OUTPUT_DIR or not comm.is_main_process():
        return
    file = Path(cfg.OUTPUT_DIR) / FILE
    now = run_metadata(cfg, training=training)
    if resumed and file.is_file():
        before = _earlier(file)
        earlier = before.pop(BEFORE, [])
        if before and before != now:
            earlier.append(before)
        if earlier:
            now[BEFORE] = earlier
    text = json.dumps(now, indent=2) + "\n"
    write_whole(file, lambda stream: stream.write(text.encode()))


def _earlier(file: Path) -> dict:
    """The run metadata of the run before it was resumed; {} for one that is damaged, which is logged."""
    before = read_object(file)
    if before is not None and isinstance(before.get(BEFORE, []), list):
        return before
    logger.warning(f"{file} is damaged: what it told of the run before it was resumed is lost, a new one is written")
    return {}


def _of_training(cfg, sources: list[str]) -> dict:
    precision = autocast_dtype(cfg)
    return {
        "protocol": "single-source" if len(sources) == 1 else "multi-source",
        "sources": sources,
        "combineall": cfg.DATASETS.COMBINEALL,
        "architecture": cfg.MODEL.META_ARCHITECTURE,
        "diffusion_size": list(cfg.MODEL.DCAC.DIFFUSION.SIZE) if cfg.MODEL.META_ARCHITECTURE == "DCAC" else None,
        "seed": cfg.SEED,
        "epochs": cfg.SOLVER.MAX_EPOCH,
        "precision": str(precision or torch.float32).removeprefix("torch."),
    }


def _weights(cfg, training: bool) -> dict[str, dict[str, str | None]]:
    """SHA-256 by file name, of the checkpoint that the run begins with and of the pre-trained weights that it reads."""
    files = {"checkpoint": _file(cfg.MODEL.WEIGHTS)} if cfg.MODEL.WEIGHTS else {}
    if training:
        cfg = data.with_local_weights(cfg)
        if cfg.MODEL.BACKBONE.PRETRAIN:
            files["encoder"] = _encoder_file(cfg)
        if cfg.MODEL.META_ARCHITECTURE == "DCAC":
            files["diffusion"] = _diffusion_files(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS, cfg.MODEL.DCAC.DIFFUSION.EMA)
    paths = {path for named in files.values() for path in named.values() if path}
    hashes = data.file_hashes(
        paths, keep=training
    )  # an evaluation makes no cache folder, its checkpoint is read anyway
    return {part: {name: hashes.get(str(path)) for name, path in named.items()} for part, named in files.items()}


def _file(path: str) -> dict[str, Path]:
    return {Path(path).name: Path(path)}


def _encoder_file(cfg) -> dict[str, Path | None]:
    path = cfg.MODEL.BACKBONE.PRETRAIN_PATH
    if Path(path).is_file():
        return _file(path)
    if cfg.MODEL.BACKBONE.NAME == "build_clip_vit_backbone":
        return {path: Path(weights_file(cfg.MODEL.CLIP.ARCH, path))}  # path: a tag
    # fast-reid downloads the weights of its own backbones to a place that it tells nobody.
    return {f"fast-reid's own of {cfg.MODEL.BACKBONE.NAME}": None}


def _diffusion_files(weights: str, ema: bool) -> dict[str, Path]:
    if Path(weights).is_file():
        return _file(weights)
    folder = hub_folder(weights, ema=ema) if is_hub_id(weights) else Path(weights)
    names = [path.relative_to(folder).as_posix() for path in folder.glob("*/*")]
    return {name: folder / name for name in sorted(to_fetch(names, ema=ema))}


def _device(device: torch.device) -> dict[str, str | None]:
    return {"kind": device.type, "name": torch.cuda.get_device_name(device) if device.type == "cuda" else None}
