"""Wrong input of every kind: tools/train_net.py says one sentence, exits with status 2 and leaves nothing half-written."""

import logging
import re
import resource
import runpy
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import dcac_fastreid
from fastreid.utils.logger import setup_logger

ROOT = Path(__file__).parent.parent.parent
MARKET, DUKE = "Market-1501-v15.09.15", "DukeMTMC-reID"


@dataclass(frozen=True)
class Case:
    """args: after --config-file; {tmp} is the test's folder. starts: the run begins before the fault is met."""

    name: str
    message: str  # all words that tell what, got, expected
    args: str = ""
    arrange: Callable[[Path, Path], None] | None = (
        None  # of the test's own folder and its own copy of the synthetic data set
    )
    config: str = "synthetic/baseline/ma_d.yml"
    starts: bool = False
    without_gpu: bool = False  # right input where there is a GPU


def images(data_root: Path, part: str) -> list[Path]:
    return sorted(path for path in (data_root / part).iterdir() if path.suffix in (".jpg", ".png"))


def write(name: str, text: str):
    return lambda tmp, data_root: (tmp / name).write_text(text)


def cut(part: str, size: int):
    """Cuts the first image of a folder."""

    def arrange(tmp, data_root):
        image = images(data_root, part)[0]
        image.write_bytes(image.read_bytes()[:size])

    return arrange


def replace_image(part: str, content: bytes):
    return lambda tmp, data_root: images(data_root, part)[0].write_bytes(content)


def rename_image(part: str, name: str):
    return lambda tmp, data_root: images(data_root, part)[0].rename(data_root / part / name)


def link_to_nowhere(tmp, data_root):
    image = images(data_root, f"{MARKET}/bounding_box_train")[0]
    image.unlink()
    image.symlink_to(tmp / "nowhere.jpg")


def remove(part: str):
    return lambda tmp, data_root: shutil.rmtree(data_root / part)


def empty(part: str):
    def arrange(tmp, data_root):
        shutil.rmtree(data_root / part)
        (data_root / part).mkdir()

    return arrange


def spoil_list(text: str):
    """Adds a line to MSMT17's list of queries."""

    def arrange(tmp, data_root):
        with open(data_root / "MSMT17_V1" / "list_query.txt", "a") as file:
            file.write(text)

    return arrange


def one_camera(tmp, data_root):
    for part in ("query", "bounding_box_test"):
        for path in images(data_root, f"{DUKE}/{part}"):
            if "_c1_" not in path.name:
                path.rename(path.with_name(path.name.replace(path.name.split("_")[1], "c1")))


def without_match(tmp, data_root):
    person = images(data_root, f"{DUKE}/query")[0].name.split("_")[0]
    for path in images(data_root, f"{DUKE}/bounding_box_test"):
        if path.name.startswith(person):
            path.unlink()


def clip(change: Callable[[dict], dict]):
    """weights.pth: the small CLIP, changed."""

    def arrange(tmp, data_root):
        from safetensors.torch import load_file

        torch.save(change(load_file(dcac_fastreid.data.weights_path("synthetic:clip"))), tmp / "weights.pth")

    return arrange


def stable_diffusion(change: Callable[[Path], None]):
    """sd/: the small Stable Diffusion, changed."""

    def arrange(tmp, data_root):
        shutil.copytree(dcac_fastreid.data.weights_path("synthetic:stable-diffusion"), tmp / "sd")
        change(tmp / "sd")

    return arrange


def cut_unet(folder: Path) -> None:
    file = next((folder / "unet").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:5000])


def thin_unet(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = next((folder / "unet").glob("*.safetensors"))
    weights = load_file(file)
    weights.pop("conv_in.weight")
    save_file(weights, file, metadata={"format": "pt"})


def checkpoint(content):
    return lambda tmp, data_root: torch.save(content, tmp / "other.pth")


def earlier_run(tmp, data_root):
    (tmp / "out").mkdir()
    torch.save({"model": {}}, tmp / "out" / "model_final.pth")


def cut_checkpoint(tmp, data_root):
    torch.save({"model": {"weight": torch.zeros(1000)}}, tmp / "other.pth")
    (tmp / "other.pth").write_bytes((tmp / "other.pth").read_bytes()[:500])


EVAL = "--eval-only MODEL.WEIGHTS {tmp}/other.pth"
CLIP = "MODEL.BACKBONE.PRETRAIN_PATH {tmp}/weights.pth"
SD = "MODEL.DCAC.DIFFUSION.WEIGHTS {tmp}/sd"
DCAC = "synthetic/ma_d.yml"
RESNET = "MODEL.BACKBONE.NAME build_resnet_backbone MODEL.BACKBONE.PRETRAIN False MODEL.HEADS.POOL_LAYER GlobalAvgPool"

CASES = [
    # -- the config --
    Case("no config file", "no config file {tmp}/none.yml", config="{tmp}/none.yml"),
    Case("broken yaml", "bad.yml is no yaml", arrange=write("bad.yml", "MODEL: [1,\n"), config="{tmp}/bad.yml"),
    Case("a yaml without keys", "must hold keys", arrange=write("bad.yml", "- a\n- b\n"), config="{tmp}/bad.yml"),
    Case("missing _BASE_", "builds on .*gone.yml", arrange=write("a.yml", "_BASE_: gone.yml\n"), config="{tmp}/a.yml"),
    Case(
        "unknown key in a file",
        "no config key 'SOLVER.BASE_LERNRATE' .*bad.yml.*nearest one is SOLVER.BASE_LR",
        arrange=write("bad.yml", "SOLVER:\n  BASE_LERNRATE: 1\n"),
        config="{tmp}/bad.yml",
    ),
    Case(
        "unknown key",
        "no config key 'MODEL.DCAC.CONDITIONER.TEU'.*nearest one is MODEL.DCAC.CONDITIONER.TAU",
        "MODEL.DCAC.CONDITIONER.TEU 1",
    ),
    Case("key without value", "come in pairs, KEY VALUE; got 9", "SOLVER.BASE_LR"),
    Case("value of another type", "SOLVER.MAX_EPOCH is 'many'; expected a whole number", "SOLVER.MAX_EPOCH many"),
    # -- settings --
    Case(
        "unknown data set",
        "DATASETS.NAMES holds 'Market1502'; known are .*DG_Market1501",
        "DATASETS.NAMES ('Market1502',)",
    ),
    Case("a word for a list", "DATASETS.TESTS is 'DG_Market1501'; expected a list", "DATASETS.TESTS ('DG_Market1501')"),
    Case("no test set", "DATASETS.TESTS is empty", "DATASETS.TESTS ()"),
    Case("unknown architecture", "META_ARCHITECTURE is 'DCAD'; known are .*DCAC", "MODEL.META_ARCHITECTURE DCAD"),
    Case("unknown backbone", "BACKBONE.NAME is 'clip'; known are .*build_clip_vit", "MODEL.BACKBONE.NAME clip"),
    Case("unknown pooling", "POOL_LAYER is 'avg'; known are .*GlobalAvgPool", "MODEL.HEADS.POOL_LAYER avg"),
    Case(
        "unknown loss",
        "has 'TripletLos'; losses of PrototypicalBaseline are IDLoss",
        "MODEL.LOSSES.NAME ('TripletLos',)",
    ),
    Case(
        "unknown loss of fast-reid's Baseline",
        "has 'CrossEntropyLos'; losses of Baseline are CrossEntropyLoss, TripletLoss",
        "MODEL.META_ARCHITECTURE Baseline MODEL.LOSSES.NAME ('CrossEntropyLos',)",
    ),
    Case(
        "a loss that fast-reid's Baseline does not compute",
        "has 'IDLoss'; losses of Baseline are CrossEntropyLoss, TripletLoss",
        "MODEL.META_ARCHITECTURE Baseline",
    ),
    Case("no loss", "MODEL.LOSSES.NAME is empty", "MODEL.LOSSES.NAME ()"),
    Case("one loss twice", "has both IDLoss .* and fast-reid's", "MODEL.LOSSES.NAME ('IDLoss','CrossEntropyLoss')"),
    Case("unknown conditioner", "NAME is 'Correlation'; known", "MODEL.DCAC.CONDITIONER.NAME Correlation", config=DCAC),
    Case("unknown view", "VIEW is 'other'; known are camera, identity, same", "MODEL.DCAC.CONDITIONER.VIEW other"),
    Case(
        "view and shuffle",
        "VIEW is 'identity', but SHUFFLE True",
        "MODEL.DCAC.CONDITIONER.VIEW identity MODEL.DCAC.CONDITIONER.SHUFFLE True",
        config=DCAC,
    ),
    Case(
        "views and lone images",
        "VIEW is 'camera', but NaiveIdentitySampler with DATALOADER.NUM_INSTANCE 1 brings no other image",
        "MODEL.DCAC.CONDITIONER.VIEW camera DATALOADER.NUM_INSTANCE 1",
        config=DCAC,
    ),
    Case(
        "views and images at random",
        "VIEW is 'identity', but TrainingSampler with",
        "MODEL.DCAC.CONDITIONER.VIEW identity DATALOADER.SAMPLER_TRAIN TrainingSampler",
        config=DCAC,
    ),
    Case(
        "no gradient of the only loss",
        "MODEL.LOSSES.NAME is empty, and ClassWiseConditioner with RESCALE True",
        "MODEL.LOSSES.NAME () MODEL.DCAC.CONDITIONER.NAME ClassWiseConditioner MODEL.DCAC.CONDITIONER.RESCALE True",
        config=DCAC,
    ),
    Case(
        "nothing to learn from",
        "MODEL.LOSSES.NAME is empty and MODEL.DCAC.LAMBDA 0",
        "MODEL.LOSSES.NAME () MODEL.DCAC.LAMBDA 0",
        config=DCAC,
    ),
    Case(
        "nothing to balance",
        "BALANCE is 0.3, but MODEL.LOSSES.NAME empty",
        "MODEL.LOSSES.NAME () MODEL.DCAC.BALANCE 0.3",
        config=DCAC,
    ),
    Case(
        "unknown tuning",
        "TUNING is 'loar'; known are frozen, full, lora",
        "MODEL.DCAC.DIFFUSION.TUNING loar",
        config=DCAC,
    ),
    Case("rank 0", "LORA.RANK is 0; expected a whole number from 1 to", "MODEL.DCAC.LORA.RANK 0", config=DCAC),
    Case("unknown schedule", "SOLVER.SCHED is 'Cosine'; known are CosineAnnealingLR", "SOLVER.SCHED Cosine"),
    Case(
        "fast-reid's warm-up with our schedule",
        "set WARMUP_ITERS and DELAY_EPOCHS to 0, got 100",
        "SOLVER.WARMUP_ITERS 100",
    ),
    Case("unknown optimizer", "SOLVER.OPT is 'Adm'; known are .*Adam, AdamW", "SOLVER.OPT Adm"),
    Case(
        "a negative micro-batch",
        "MICRO_BATCH is -1; expected a whole number, 0 or more; 0 for the whole batch",
        "SOLVER.MICRO_BATCH -1",
    ),
    Case(
        "micro-batches of fast-reid's Baseline",
        "MICRO_BATCH is 4, which Baseline cannot",
        "SOLVER.MICRO_BATCH 4 MODEL.META_ARCHITECTURE Baseline MODEL.LOSSES.NAME ('TripletLoss',)",
    ),
    Case(
        "micro-batches under batch normalisation",
        "build_resnet_backbone has batch normalisation",
        f"SOLVER.MICRO_BATCH 4 {RESNET}",
    ),
    Case(
        "activation checkpointing of a ResNet",
        "CHECKPOINT_ACTIVATIONS is True, which build_resnet_backbone does not offer",
        f"SOLVER.CHECKPOINT_ACTIVATIONS True {RESNET}",
    ),
    Case("a depth that is none", "cannot be made of .*DEPTH 51x", f"{RESNET} MODEL.BACKBONE.DEPTH 51x"),
    Case(
        "features of another width",
        "FEAT_DIM is 100, but build_clip_vit_backbone|FEAT_DIM is 100, but .* gives",
        "MODEL.BACKBONE.FEAT_DIM 100",
    ),
    Case(
        "two sizes",
        "SIZE_TRAIN .64, 32. and SIZE_TEST .128, 64. must agree",
        "INPUT.SIZE_TRAIN [64,32] INPUT.SIZE_TEST [128,64]",
    ),
    Case("one side for a size", "SIZE_TRAIN is .64., which brings images to no common", "INPUT.SIZE_TRAIN [64]"),
    Case(
        "LoRA of layers that are none",
        "LORA.TARGETS|LoRA targets",
        "MODEL.DCAC.LORA.TARGETS ('to_x',)",
        config=DCAC,
    ),
    Case(
        "re-ranking over more than its neighbours",
        "RERANK.K2 is 9, above TEST.RERANK.K1 5",
        "TEST.RERANK.ENABLED True TEST.RERANK.K1 5 TEST.RERANK.K2 9",
    ),
    Case("no epochs", "SOLVER.MAX_EPOCH is 0; expected a whole number from 1", "SOLVER.MAX_EPOCH 0"),
    Case(
        "negative period",
        "TEST.EVAL_PERIOD is -1; expected a whole number, 0 or more; 0 for never",
        "TEST.EVAL_PERIOD -1",
    ),
    Case("unknown distance", "TEST.METRIC is 'l2'; known are cosine, euclidean", "TEST.METRIC l2"),
    Case("negative seed", "SEED is -7; expected a whole number", "SEED -7"),
    Case("unknown precision", "AMP.DTYPE is 'fp8'; known are bf16, fp16", "SOLVER.AMP.DTYPE fp8"),
    Case("fp16 on the CPU", "fp16 training needs a GPU", "MODEL.DEVICE cpu SOLVER.AMP.ENABLED True"),
    Case("features before the neck", "NECK_FEAT is 'before'.*set 'after'", "MODEL.HEADS.NECK_FEAT before"),
    Case(
        "temperature 0",
        "CONDITIONER.TAU is 0.0; expected a number from 1e-06",
        "MODEL.DCAC.CONDITIONER.TAU 0.0",
        config=DCAC,
    ),
    Case("momentum 2", "MOMENTUM is 2.0; expected a number from 0 to 1", "MODEL.LOSSES.PCL.MOMENTUM 2.0"),
    Case(
        "a crop that the padding does not fill",
        "smaller than INPUT.SIZE_TRAIN",
        "INPUT.CROP.ENABLED True INPUT.CROP.SIZE [64,32]",
    ),
    Case(
        "a size that the patches do not divide",
        "multiple of the patch size 16",
        "INPUT.SIZE_TRAIN [100,64] INPUT.SIZE_TEST [100,64]",
    ),
    Case("several GPUs", "PrototypicalBaseline runs on one GPU for now", "--num-gpus 2"),
    Case(
        "several GPUs for fast-reid's own",
        "--num-gpus is 2, PyTorch finds 0",
        "--num-gpus 2 MODEL.META_ARCHITECTURE Baseline MODEL.LOSSES.NAME ('TripletLoss',)",
        without_gpu=True,
    ),
    Case(
        "CUDA asked for and absent",
        "MODEL.DEVICE is cuda, but PyTorch finds no GPU",
        "MODEL.DEVICE cuda",
        without_gpu=True,
    ),
    Case("a section for a key", "config key 'MODEL.HEADS' .* is a section; give one of its keys", "MODEL.HEADS x"),
    Case("no device", "MODEL.DEVICE is 'gpu', which is no device", "MODEL.DEVICE gpu"),
    Case(
        "a data set for PreciseBN that is unknown",
        "PRECISE_BN.DATASET is 'Nope'; known",
        "TEST.PRECISE_BN.ENABLED True TEST.PRECISE_BN.DATASET Nope",
    ),
    Case("fewer classes than identities", "NUM_CLASSES is 4, DG_Market1501 has 8", "MODEL.HEADS.NUM_CLASSES 4"),
    Case(
        "more classes than identities",
        "NUM_CLASSES is 20, but DG_Market1501 has 8 identities",
        "MODEL.HEADS.NUM_CLASSES 20",
    ),
    Case(
        "re-ranking among too few",
        "TEST.RERANK.K1 asks for 500 images, query and gallery of DG_DukeMTMC have",
        "TEST.RERANK.ENABLED True TEST.RERANK.K1 500",
    ),
    # -- the sampler --
    Case("unknown sampler", "SAMPLER_TRAIN.*'RandomSampler'", "DATALOADER.SAMPLER_TRAIN RandomSampler"),
    Case(
        "a batch that K does not divide",
        "IMS_PER_BATCH 16 is no multiple of DATALOADER.NUM_INSTANCE 6",
        "DATALOADER.NUM_INSTANCE 6",
    ),
    Case(
        "K above the batch",
        "IMS_PER_BATCH 16 is no multiple of DATALOADER.NUM_INSTANCE 32",
        "DATALOADER.NUM_INSTANCE 32",
    ),
    Case("fewer identities than P", "DG_Market1501 has 8 identities, a batch needs 12", "SOLVER.IMS_PER_BATCH 48"),
    Case(
        "SetReWeightSampler",
        "SetReWeightSampler, which fails in every version.*use one of",
        "DATALOADER.SAMPLER_TRAIN SetReWeightSampler",
    ),
    # -- data --
    Case("no data root", "no folder {tmp}/none/Market-1501", "DATASETS.ROOT {tmp}/none"),
    Case(
        "a synthetic root without seed",
        "DATASETS.ROOT is 'synthetic:one'; expected synthetic:SEED",
        "DATASETS.ROOT synthetic:one",
    ),
    Case("missing data set", "DG_Market1501: no folder .*Market-1501.*get it from https", arrange=remove(MARKET)),
    Case(
        "half-copied data set",
        "DG_DukeMTMC: no query in .*DukeMTMC-reID.*; dcac-fastreid check-data {tmp}/data_root tells more",
        arrange=remove(f"{DUKE}/query"),
    ),
    Case(
        "empty folder",
        "bounding_box_train holds no image, expected files such as.*check-data {tmp}/data_root tells more$",
        arrange=empty(f"{MARKET}/bounding_box_train"),
    ),
    Case(
        "wrong file name",
        "IMG_2024.jpg.*expected.*; dcac-fastreid check-data {tmp}/data_root tells more$",
        arrange=rename_image(f"{MARKET}/query", "IMG_2024.jpg"),
        args="DATASETS.TESTS ('DG_Market1501',)",
    ),
    Case(
        "camera out of range",
        "0007_c9s1_000151_00.jpg",
        arrange=rename_image(f"{MARKET}/bounding_box_train", "0007_c9s1_000151_00.jpg"),
    ),
    Case(
        "a list line without person",
        "list_query.txt, line .*; expected an image, a blank and a person",
        arrange=spoil_list("0000/0000_000_01_0303morning_0008_0.jpg\n"),
        args="DATASETS.TESTS ('DG_MSMT17',)",
    ),
    Case(
        "a listed image that is absent",
        "lists 1 images that are not there, first .*0999_000_01",
        arrange=spoil_list("0999/0999_000_01_0303morning_0008_0.jpg 999\n"),
        args="DATASETS.TESTS ('DG_MSMT17',)",
    ),
    Case(
        "a root that fast-reid misreads",
        "contains '12_c3'.*use DG_Market1501",
        "DATASETS.ROOT {tmp}/exp_12_c3 DATASETS.NAMES ('Market1501',)",
    ),
    Case("a target with one camera", "come from 1 camera, expected 2 or more.*tells more$", arrange=one_camera),
    Case(
        "a folder of people that is none",
        "DukeMTMC-reID should be the folder of a person, but holds .*check-data {tmp}/data_root tells more$",
        "DATASETS.NAMES ('PersonFolders',)",
    ),
    Case(
        "a query identity without match",
        "1 query identities have no gallery image by another camera",
        arrange=without_match,
    ),
    Case(
        "a link to nowhere, in a loader's process",
        "No such file or directory: .*bounding_box_train",
        "DATALOADER.CACHE_IMAGES False DATALOADER.NUM_WORKERS 1",
        arrange=link_to_nowhere,
        starts=True,
    ),
    Case(
        "a data set that fast-reid's own class does not find",
        "fast-reid's VeRi cannot be read below",
        "DATASETS.TESTS ('VeRi',)",
    ),
    Case(
        "truncated image",
        "bounding_box_train/.*.jpg cannot be read as an image",
        arrange=cut(f"{MARKET}/bounding_box_train", 600),
        starts=True,
    ),
    Case(
        "truncated image, in a loader's process",
        "bounding_box_train/.*.jpg cannot be read as an image",
        "DATALOADER.CACHE_IMAGES False DATALOADER.NUM_WORKERS 1",
        arrange=cut(f"{MARKET}/bounding_box_train", 600),
        starts=True,
    ),
    Case(
        "empty image",
        "bounding_box_train/.*.jpg cannot be read as an image",
        arrange=cut(f"{MARKET}/bounding_box_train", 0),
        config=DCAC,
        starts=True,
    ),
    Case(
        "no image at all",
        "query/.*.jpg cannot be read as an image",
        arrange=replace_image(f"{DUKE}/query", b"<html>not found</html>"),
        starts=True,
    ),
    # -- weights --
    Case("CLIP missing", "CLIP ViT-B/16: no file {tmp}/weights.pth", CLIP),
    Case(
        "CLIP truncated",
        "weights.pth cannot be read as weights",
        CLIP,
        arrange=write("weights.pth", "PK"),
        starts=True,
    ),
    Case(
        "CLIP of another architecture",
        "weights.pth is not of the architecture MODEL.CLIP.ARCH",
        CLIP,
        arrange=clip(lambda weights: dict(list(weights.items())[:-2])),
        starts=True,
    ),
    Case(
        "no CLIP",
        "holds no weight named visual",
        CLIP,
        arrange=clip(lambda weights: {"a": torch.zeros(1)}),
        starts=True,
    ),
    Case("Stable Diffusion missing", "no folder {tmp}/sd", SD, config=DCAC),
    Case(
        "Stable Diffusion half-copied",
        "vae/.*.safetensors in {tmp}/sd",
        SD,
        arrange=stable_diffusion(lambda sd: shutil.rmtree(sd / "vae")),
        config=DCAC,
    ),
    Case("Stable Diffusion truncated", "sd/unet", SD, arrange=stable_diffusion(cut_unet), config=DCAC, starts=True),
    Case(
        "Stable Diffusion without a layer",
        "do not fit its config.json: missing keys: conv_in.weight",
        SD,
        arrange=stable_diffusion(thin_unet),
        config=DCAC,
        starts=True,
    ),
    # -- checkpoints and output --
    Case("--resume and --eval-only", "leave one of them out", "--eval-only --resume"),
    Case("no GPU asked for", "--num-gpus is 0; expected 1 or more", "--num-gpus 0"),
    Case("no number of GPUs", "--num-gpus is -1; expected 1 or more", "--num-gpus -1"),
    Case("no checkpoint named", "add MODEL.WEIGHTS", "--eval-only"),
    Case("checkpoint missing", "no file {tmp}/other.pth", EVAL),
    Case("checkpoint truncated", "other.pth cannot be read as weights", EVAL, arrange=cut_checkpoint, starts=True),
    Case("no checkpoint", "no entry 'model'", EVAL, arrange=checkpoint({"weight": torch.zeros(1)}), starts=True),
    Case(
        "checkpoint of another architecture",
        "is it of this architecture",
        EVAL,
        arrange=checkpoint({"model": {"a": torch.zeros(1)}}),
        starts=True,
    ),
    Case(
        "weights of an earlier run in the same folder",
        "model_final.pth lies in OUTPUT_DIR.*choose another OUTPUT_DIR",
        "MODEL.WEIGHTS {tmp}/out/model_final.pth",
        arrange=earlier_run,
        starts=True,
    ),
    Case(
        "output below a file",
        "OUTPUT_DIR leads to {tmp}/a/out, but {tmp}/a is a file",
        "OUTPUT_DIR {tmp}/a/out",
        arrange=write("a", ""),
    ),
]


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs the script in this process; returns its exit status and what it wrote to both streams."""

    def run(*command) -> tuple[int, str]:
        logging.getLogger("fastreid").handlers.clear()  # they write to the streams of the run before
        setup_logger.cache_clear()
        monkeypatch.setattr(logging, "raiseExceptions", False)  # diffusers' logger keeps its stream
        monkeypatch.setattr(sys, "argv", ["train_net.py", *map(str, command)])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(ROOT / "tools" / "train_net.py"), run_name="__main__")
        written = capfd.readouterr()
        return stopped.value.code, written.out + written.err

    return run


@pytest.fixture
def data_root(tiny_data, tmp_path) -> Path:
    return shutil.copytree(tiny_data, tmp_path / "data_root")


def command(case: Case, tmp: Path, data_root: Path) -> list[str]:
    config = case.config.format(tmp=tmp)
    own = case.args.format(tmp=tmp).split()
    options = [word for word in own if word.startswith("--") or own[own.index(word) - 1] == "--num-gpus"]
    settings = [word for word in own if word not in options]
    tiny = ["DATASETS.ROOT", data_root, "SOLVER.IMS_PER_BATCH", 16, "SOLVER.MAX_EPOCH", 1, "OUTPUT_DIR", tmp / "out"]
    file = config if Path(config).is_absolute() else ROOT / "configs" / "DCAC" / config
    return [*map(str, ("--config-file", file, *options, *tiny)), *settings]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_ends_in_one_sentence(case, run, data_root, tmp_path):
    if case.without_gpu and torch.cuda.is_available():
        pytest.skip("right input on a machine with a GPU")
    if case.arrange:
        case.arrange(tmp_path, data_root)
    status, written = run(*command(case, tmp_path, data_root))
    assert status == 2, written
    assert "Traceback" not in written
    errors = [line for line in written.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, written
    message = written[written.index(errors[0]) :].strip()
    assert "\n" not in message or "missing:\n" in message, "one line, or the list of all that is missing"
    assert re.search(case.message.replace("{tmp}", re.escape(str(tmp_path))), message), message
    assert list(tmp_path.rglob("*.unfinished")) == []
    assert case.starts or not (tmp_path / "out").exists()


def test_a_full_disk_at_a_save_leaves_nothing_half_written(run, data_root, tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limit[1]))  # no file above 2 MB, as on a disk that is full
    try:
        status, written = run(*command(Case("full disk", ""), tmp_path, data_root))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert status == 2 and "Traceback" not in written
    assert "model_final.pth could not be written" in written and "go on with --resume" in written
    assert list((tmp_path / "out").glob("*.pth*")) == []


def test_no_arguments_at_all(run):
    status, written = run()
    assert (status, written.strip().count("\n")) == (2, 0)
    assert written.startswith("error: no config is named; add --config-file DCAC/ma_ms.yml")


@pytest.mark.parametrize("behind", [(), ("SOLVER.MAX_EPOCH", 1)], ids=["alone", "before a setting"])
def test_a_path_behind_resume(run, configs, behind):
    status, written = run("--config-file", configs / "synthetic" / "ma_d.yml", "--resume", "logs/a", *behind)
    assert status == 2
    assert written.startswith("error: --resume takes no path, got 'logs/a': it goes on with the run in OUTPUT_DIR")


@pytest.mark.parametrize("where", ["the variable", "the home folder"])
def test_a_cache_folder_that_cannot_be_written_is_told_before_all_else(run, data_root, tmp_path, monkeypatch, where):
    (tmp_path / "file").touch()
    monkeypatch.delenv("DCAC_FASTREID_CACHE")
    name, value = ("DCAC_FASTREID_CACHE", "file/a") if where == "the variable" else ("HOME", "file")
    monkeypatch.setenv(name, str(tmp_path / value))
    status, written = run(*command(Case("cache", "", config=DCAC), tmp_path, data_root))
    assert status == 2 and not (tmp_path / "out").exists()
    assert re.search(
        rf"the cache folder is {tmp_path}/file/.*, but .*file is a file; set .* DCAC_FASTREID_CACHE", written
    )
    evaluation = Case("no cache is needed", "", "--eval-only MODEL.WEIGHTS none.pth", config=DCAC)
    assert "no file none.pth" in run(*command(evaluation, tmp_path, data_root))[1]


def test_an_output_folder_that_may_not_be_written(run, data_root, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # as root, every folder may
    status, written = run(*command(Case("no access", ""), tmp_path, data_root))
    assert status == 2 and "Traceback" not in written
    assert f"OUTPUT_DIR leads to {tmp_path}/out, but {tmp_path} cannot be written" in written
