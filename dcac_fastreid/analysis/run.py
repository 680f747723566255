"""A trained run, and what images are made of: its model, its training images, features of any images, its test sets.

B batch, N identities of the training set; D feature width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dcac_fastreid import data
from dcac_fastreid.analysis.distinct_names import distinct_names
from dcac_fastreid.analysis.test_set import TestSet, tested
from dcac_fastreid.checkpoint import config_beside, load_for_testing
from dcac_fastreid.config import check_pairs, leaves, read_config
from dcac_fastreid.dcac import DCAC
from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.engine import DCACTrainer, load_config
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.preflight import check_inputs
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import are_named, check_weights, read_tensor_file
from fastreid.data.build import fast_batch_collator
from fastreid.data.common import CommDataset
from fastreid.data.transforms import build_transforms

CLASSIFIER = "heads.weight"
# An image needs no speed, and is not to depend on how the training saved memory.
PLAIN = (
    "SOLVER.AMP.ENABLED", False, "SOLVER.COMPILE", False, "SOLVER.CHECKPOINT_ACTIVATIONS", False, "SOLVER.MICRO_BATCH", 0,
)  # fmt: skip


@dataclass(frozen=True)
class TrainingImage:
    """label: its person's row of the classifier. person, camera: as the data set calls them."""

    path: str
    label: int
    person: Any
    camera: Any


class Run:
    """A checkpoint and its config. Everything is made when it is first asked for, and once.

    Args:
        checkpoint: as fast-reid saves it, such as logs/ma_ms/model_final.pth.
        config_file: "": the one beside the checkpoint, config.yaml.
        opts: KEY VALUE pairs over it. MODEL.DEVICE is what this machine has, where they do not say it.
        dataset: the test set; "": the config's first, if it names one.
    Attributes:
        name: what images call it, "DCAC (ma_ms)"; of several runs see `give_distinct_names`.
    Raises:
        InputError: a file that is not there or cannot be read, a setting that cannot work.
    """

    def __init__(self, checkpoint: str | Path, config_file: str | Path = "", opts: Sequence = (), dataset: str = ""):
        self.checkpoint = Path(checkpoint)
        self._weights = _weights(self.checkpoint)
        config_file = config_file or config_beside(self.checkpoint)
        if not config_file:
            raise InputError(f"no config.yaml lies beside {self.checkpoint}; name the run's config with --config-file")
        check_pairs(opts)  # before ours stand beside them
        device = "cuda" if torch.cuda.is_available() else "cpu"  # the file tells that of the training's machine
        opts = ["MODEL.DEVICE", device, *opts, "MODEL.WEIGHTS", str(self.checkpoint)]
        cfg = load_config(str(config_file), opts)
        tests = (dataset,) if dataset else cfg.DATASETS.TESTS[:1]
        self.cfg = changed(cfg, [*PLAIN, "MODEL.HEADS.NUM_CLASSES", self.num_classes, "DATASETS.TESTS", tests])
        check_settings(self.cfg, training=False, processes=1)
        if not (dataset or _names_test_set(config_file, opts)):
            self.cfg = changed(self.cfg, ["DATASETS.TESTS", ()])  # else fast-reid's default would be asked for
        self._test_sets: dict[str, TestSet] = {}
        give_distinct_names([self])

    @property
    def architecture(self) -> str:
        return self.cfg.MODEL.META_ARCHITECTURE.replace("PrototypicalBaseline", "baseline")

    @property
    def num_classes(self) -> int:
        """N of the checkpoint's classifier; 0 of an exported encoder, which has none."""
        return len(self._weights[CLASSIFIER]) if CLASSIFIER in self._weights else 0

    @property
    def has_diffusion_side(self) -> bool:
        """Whether `training_model` can be made: not of a baseline, and not of an exported encoder."""
        return self.cfg.MODEL.META_ARCHITECTURE == "DCAC" and any(
            key.startswith("conditioner.") for key in self._weights
        )

    @cached_property
    def model(self) -> nn.Module:
        """In evaluation mode, without training side; its classifier (`heads.weight`) where the checkpoint has one.

        Raises: InputError: the checkpoint lacks a weight that the model needs.
        """
        model = load_for_testing(self.cfg)
        if self.num_classes:
            classifier, width = self._weights[CLASSIFIER], model.heads.weight.shape[1]
            if classifier.shape[1] != width:
                raise InputError(
                    f"the classifier of {self.checkpoint} takes features {classifier.shape[1]} wide, the config's model has "
                    f"{width}; give the config.yaml of its run"
                )
            with torch.no_grad():
                model.heads.weight.copy_(classifier)  # left out in a test
        return model

    @cached_property
    def training_model(self) -> DCAC:
        """DCAC with conditioner, ID prompts and denoiser (`conditioner`, `feedback.denoiser`), in evaluation mode, fp32.

        Raises: InputError: the checkpoint is of another architecture, of an exported encoder, or of another config.
        """
        if not self.has_diffusion_side:
            raise InputError(
                f"{self.checkpoint} has no diffusion side, it is of {self.cfg.MODEL.META_ARCHITECTURE}; this image needs a "
                "checkpoint that DCAC's training has saved"
            )
        model = DCACTrainer.build_model(changed(self.cfg, ["MODEL.BACKBONE.PRETRAIN", False]))
        try:
            model.load_state_dict(self._weights)
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.checkpoint} does not fit its config ({reason[:200]}); give the config.yaml of its run"
            ) from error
        return model.eval()

    @cached_property
    def image_encoder(self) -> stable_diffusion.StableDiffusionEncoder:
        """The diffusion model's image encoder on the run's device: images to moments; `vae` decodes, see `scaling_factor`."""
        weights = data.with_local_weights(self.cfg).MODEL.DCAC.DIFFUSION.WEIGHTS
        return stable_diffusion.load_encoder(weights).to(self.cfg.MODEL.DEVICE)

    @cached_property
    def training_images(self) -> list[TrainingImage]:
        """Those of DATASETS.NAMES, with the labels that the training gave them.

        Raises: InputError: data that cannot be read, or has not as many identities as the classifier.
        """
        cfg = changed(self.cfg, ["DATASETS.TESTS", (), "MODEL.HEADS.NUM_CLASSES", 0])  # counted, and compared here
        data.check_datasets(cfg, training=True)
        train_set = data.build_train_loader(cfg).dataset
        if train_set.num_classes != self.num_classes:
            raise InputError(
                f"the training set has {train_set.num_classes} identities, the classifier of {self.checkpoint} "
                f"{self.num_classes}; set DATASETS.ROOT to the data of the run"
            )
        return [
            TrainingImage(path, train_set.pid_dict[person], person, camera)
            for path, person, camera in train_set.img_items
        ]

    def batch(self, images: Sequence[TrainingImage]) -> dict:
        """fast-reid's batch of these images, without augmentation, as both models take it: `images` (B, 3, H, W) in [0, 255]."""
        transform = build_transforms(self.cfg, is_train=False)  # as the prototypes see them
        return self._batch([(image.path, image.label, 0) for image in images], transform)

    def features(self, paths: Sequence[str]) -> Tensor:
        """Of any images, as the model gives them in an evaluation: (len(paths), D) fp32, on the CPU; with a progress bar."""
        size, transform = self.cfg.TEST.IMS_PER_BATCH, data.test_transforms(self.cfg)
        made = []
        with torch.no_grad():
            for begin in tqdm(range(0, len(paths), size), desc="features", unit="batch", disable=None, leave=False):
                batch = self._batch([(path, 0, 0) for path in paths[begin : begin + size]], transform)
                made.append(self.model(batch).float().cpu())
        return torch.cat(made)

    def _batch(self, items: Sequence[tuple[str, int, int]], transform: Callable) -> dict:
        chosen = CommDataset(items, transform, relabel=False)
        return fast_batch_collator([chosen[index] for index in range(len(chosen))])

    def test_set(self, name: str = "") -> TestSet:
        """A data set as dcac-fastreid test tests it, with its scores; "": the run's own.

        Raises:
            InputError: a data set that is not known, or cannot be tested on; or the config names none.
            FileNotFoundError: its files are missing.
        """
        name = name or next(iter(self.cfg.DATASETS.TESTS), "")
        if name not in self._test_sets:
            self._test_sets[name] = tested(self.tested_on([name] if name else []), self.model)
        return self._test_sets[name]

    def tested_on(self, names: Sequence[str]):
        """The config with other test sets, which can be read and scored; raises as `test_set`."""
        if not names:
            raise InputError(
                f"the config of {self.checkpoint} names no data set to test on, as that of an exported encoder; give --dataset "
                "NAME, and the folder of the data sets as DATASETS.ROOT DIR at the end"
            )
        cfg = changed(self.cfg, ["DATASETS.TESTS", tuple(names)])
        check_settings(cfg, training=False, processes=1)
        check_inputs(cfg, training=False)
        return cfg


def give_distinct_names(runs: Sequence[Run]) -> None:
    """Names runs that are shown together, by architecture and folder, or by checkpoint where those of a folder are several.

    Of each architecture, as much of the paths is told as tells the runs apart: "DCAC (first/ma_ms)" and "DCAC (second/ma_ms)".
    """
    for architecture in {run.architecture for run in runs}:
        same = [run for run in runs if run.architecture == architecture]
        files = [run.checkpoint.absolute() for run in same]
        folders = [file.parent for file in files]
        paths = folders if len(set(folders)) == len(set(files)) else files
        for run, name in zip(same, distinct_names(paths), strict=True):
            run.name = f"{architecture} ({name})"


def _names_test_set(config_file: str | Path, opts: Sequence) -> bool:
    named = {key for _, content in read_config(str(config_file)) for key, _ in leaves(content)}
    return "DATASETS.TESTS" in {*opts[::2], *named}


def _weights(checkpoint: Path) -> Mapping[str, Tensor]:
    """Raises InputError: no checkpoint of fast-reid, nor an exported encoder."""
    content = read_tensor_file(checkpoint)
    weights = content if checkpoint.suffix == ".safetensors" else content.get("model")
    if not are_named(weights, "backbone."):
        raise InputError(f"{checkpoint} is no checkpoint of fast-reid: it has no entry 'model' with backbone.*")
    check_weights(weights, None, checkpoint)
    if CLASSIFIER in weights and weights[CLASSIFIER].ndim != 2:
        raise InputError(
            f"{checkpoint} has a classifier ({CLASSIFIER}) of shape {tuple(weights[CLASSIFIER].shape)}; expected (identities, "
            "feature width); is it complete?"
        )
    return weights
