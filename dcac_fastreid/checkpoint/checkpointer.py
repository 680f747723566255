"""fast-reid's Checkpointer with sentences instead of silence: for resuming a run, and for testing a model."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from dcac_fastreid.checkpoint.architecture import ENCODER_CONFIG, checked_config, encoder_config
from dcac_fastreid.checkpoint.earlier_run import OF_A_RUN
from dcac_fastreid.checkpoint.entries import check_optimizer, check_schedule
from dcac_fastreid.checkpoint.input_size import check_input_size
from dcac_fastreid.checkpoint.interpolation import INTERPOLATED
from dcac_fastreid.checkpoint.resuming import AVERAGE, weights_to_resume
from dcac_fastreid.checkpoint.saving import check_finite, save_checkpoint
from dcac_fastreid.checkpoint.selection import SELECTED_ON, selected_on
from dcac_fastreid.config import check_values
from dcac_fastreid.errors import DivergenceError, InputError, one_sentence
from dcac_fastreid.output_files import left_unfinished
from dcac_fastreid.reid import build_reid_model
from dcac_fastreid.tensor_files import check_tensors, check_weights, read_metadata, read_tensor_file
from fastreid.utils.checkpoint import Checkpointer

OF_FEATURES = ("backbone.", "heads.bottleneck.")  # what features are computed with, in every architecture of fast-reid


class UnreadableCheckpoint(InputError):
    """A file that is gone, damaged, or no checkpoint of fast-reid."""


class ReadableCheckpointer(Checkpointer):
    """Names a file that is no checkpoint of fast-reid, raises UnreadableCheckpoint, and saves files whole or not at all.

    Args:
        encoder_config: a config that rebuilds the encoder, which every file carries; "" for none.
        image_size: see save_checkpoint.
        entries: asked at every save for what the file shall hold besides.
        others: those of fast-reid's.
    Attributes:
        selected_on: the data sets whose test metric picked what was loaded; logged; what is saved afterwards tells it too.
    """

    selected_on: Sequence[str] = ()
    _loaded_from = ""

    def __init__(
        self,
        *others,
        encoder_config: str = "",
        image_size: tuple[int, int] | None = None,
        entries: Callable[[], Mapping[str, Any]] = dict,
        **named,
    ):
        super().__init__(*others, **named)
        self._encoder_config, self._image_size, self._entries = encoder_config, image_size, entries

    def load(self, path: str, checkpointables=None):
        if path and not os.path.isfile(path) and not os.path.isfile(self.path_manager.get_local_path(path)):
            raise UnreadableCheckpoint(f"there is no checkpoint {path}; set MODEL.WEIGHTS to the file to load")
        rest = super().load(path, checkpointables)
        self.selected_on = selected_on(path)
        if self.selected_on:
            self.logger.warning(
                f"{path} was picked by a test metric, data set: {', '.join(self.selected_on)}; results of it, and of what is "
                "trained from it, are marked"
            )
        return rest

    def _load_file(self, f: str):
        try:
            # Not mapped: an optimizer would keep its state in the map, and with it the file.
            checkpoint = read_tensor_file(f, mapped=False)
        except InputError as error:
            raise UnreadableCheckpoint(str(error)) from error
        self._loaded_from = f
        if f.endswith(".safetensors"):  # an exported encoder
            checkpoint = {"model": checkpoint, ENCODER_CONFIG: read_metadata(f).get(ENCODER_CONFIG)}
        weights = checkpoint.get("model")
        if not isinstance(weights, Mapping):
            raise UnreadableCheckpoint(f"{f} is no checkpoint of fast-reid: it has no entry 'model' with the weights")
        if not all(isinstance(name, str) for name in weights):
            raise UnreadableCheckpoint(f"{f} is no checkpoint of fast-reid: its weights have no names")
        if weights and all(name.startswith("module.") for name in weights):  # of several GPUs
            weights = {name.removeprefix("module."): weight for name, weight in weights.items()}
        return {**checkpoint, "model": dict(weights)}

    def _load_model(self, checkpoint):
        weights, expected = checkpoint["model"], self.model.state_dict()
        try:
            check_tensors(weights, self._loaded_from)
            check_weights(weights, expected, self._loaded_from)
        except InputError as error:
            raise UnreadableCheckpoint(str(error)) from error
        carried = checked_config(checkpoint.get(ENCODER_CONFIG), self._loaded_from)
        check_input_size(weights, expected, carried, self._encoder_config, self._loaded_from)
        return super()._load_model(checkpoint)

    def save(self, name: str, **extra) -> None:
        """As fast-reid's, but whole or not at all.

        Raises:
            DivergenceError: weights are NaN or infinite. InputError: the file cannot be written. What was there before is as
                it was.
        """
        self.write(name, **extra)
        if self.save_dir and self.save_to_disk:
            self.tag_last_checkpoint(f"{name}.pth")

    def write(self, name: str, *, picked_by: Sequence[str] = (), **extra) -> None:
        """Saves a file that is not the one to resume from; raises as `save`.

        Args:
            picked_by: the data sets whose test metric picks it; those of what was loaded are added.
        """
        if not self.save_dir or not self.save_to_disk:
            return
        if picked_by := sorted({*self.selected_on, *picked_by}):
            extra[SELECTED_ON] = picked_by
        if self._encoder_config:
            extra[ENCODER_CONFIG] = self._encoder_config
        extra.update(self._entries())
        file = self._file(name)
        self.logger.info(f"Saving checkpoint to {file}")
        save_checkpoint(file, self.model, self.checkpointables, image_size=self._image_size, **extra)

    def get_checkpoint_file(self) -> str:
        """The file that last_checkpoint names, in the folder itself; "" without last_checkpoint.

        Raises: UnreadableCheckpoint: it names none.
        """
        tag = Path(self.save_dir, "last_checkpoint")
        try:
            with open(tag, "rb") as stream:
                name = stream.read(256).decode().strip()  # a damaged one may be of any size
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError):
            name = ""
        if name != Path(name).name or not name.endswith(".pth") or not name.isprintable():
            raise UnreadableCheckpoint(f"{tag} is damaged, it does not name a checkpoint in its folder")
        return os.path.join(self.save_dir, name)

    def _file(self, name: str) -> str:
        return os.path.join(self.save_dir, f"{name}.pth")


class StrictCheckpointer(ReadableCheckpointer):
    """A resumed run must find every weight: fast-reid's Checkpointer would go on with random ones and a log line.

    Attributes: interpolated: whether the model of the checkpoint from which a run goes on was interpolated.
    """

    def __init__(self, *others, **named):
        super().__init__(*others, **named)
        self._resuming = False
        self.interpolated = False

    def saved_metric(self, name: str) -> float | None:
        """The metric that a saved file was saved with; None where there is no such file."""
        file = self._file(name)
        metric = super()._load_file(file).get("metric") if os.path.isfile(file) else None
        return metric if isinstance(metric, float) and math.isfinite(metric) else None

    def remove(self, name: str) -> None:
        """Removes a saved file, where there is one."""
        if self.save_to_disk and os.path.isfile(self._file(name)):
            os.remove(self._file(name))

    def resume_or_load(self, path: str, *, resume: bool = True):
        """As fast-reid's, and where the newest checkpoint is gone or damaged it goes on from the one before, and says so.

        Raises:
            InputError: none of the checkpoints can be read, or the one that can does not fit the model.
        """
        for pattern in OF_A_RUN if self.save_to_disk else ():
            for unfinished in left_unfinished(self.save_dir, pattern):  # of a save that was killed
                unfinished.unlink(missing_ok=True)
        self._resuming = resume and self.has_checkpoint()
        if not self._resuming:
            return self.load(path, checkpointables=[])
        try:
            self.get_checkpoint_file()
        except UnreadableCheckpoint as error:
            self.logger.warning(f"{error}: going on from the newest one")
        tried = []
        for file in self._candidates():
            tried.append(os.path.basename(file))
            try:
                return self.load(file)
            except UnreadableCheckpoint as error:
                self.logger.warning(f"{error}: going on from the checkpoint before it")
        raise InputError(
            f"none of the checkpoints in {self.save_dir} can be read ({', '.join(tried)}); start again without --resume"
        )

    def _candidates(self) -> Iterator[str]:
        """Checkpoints of the run: the one that last_checkpoint names, then the others from new to old."""
        tagged = ""
        with suppress(UnreadableCheckpoint):
            tagged = self.get_checkpoint_file()
        if tagged:
            yield tagged
        found = {str(file) for file in Path(self.save_dir).glob("model_*.pth")} if self.save_dir else set()
        others = found - {tagged, self._file("model_best")}
        yield from sorted(others, key=lambda file: (_steps(file), os.path.getmtime(file)), reverse=True)

    def has_checkpoint(self) -> bool:
        """Also where a kill came between the file and its tag."""
        return next(self._candidates(), None) is not None

    def load(self, path: str, checkpointables=None):
        if self._resuming and not os.path.isfile(path):
            raise UnreadableCheckpoint(f"the checkpoint {path} is gone, or no file")
        try:
            return super().load(path, checkpointables)
        except Exception as error:
            if not self._resuming or one_sentence(error):
                raise
            raise UnreadableCheckpoint(f"{path} is malformed ({type(error).__name__}: {error})") from error

    def _load_file(self, f: str):
        """Where a run is resumed, every entry is checked before the first one is loaded."""
        checkpoint = super()._load_file(f)
        if self._resuming:
            self._check_entries(f, checkpoint)
            try:
                checkpoint["model"] = weights_to_resume(checkpoint, f)
            except InputError as error:
                raise UnreadableCheckpoint(str(error)) from error
            self.interpolated = INTERPOLATED in checkpoint
        return checkpoint

    def _check_entries(self, file: str, checkpoint) -> None:
        missing = self.checkpointables.keys() - checkpoint.keys() - {AVERAGE}
        if missing:
            raise InputError(
                f"{file} does not tell where its run stands, as those of DCACTrainer do, it lacks {', '.join(sorted(missing))}; "
                "take its weights with MODEL.WEIGHTS instead of --resume, in another OUTPUT_DIR"
            )
        try:
            if not isinstance(checkpoint["epoch"], int):
                raise TypeError(f"epoch {checkpoint['epoch']!r}")
            check_finite(checkpoint, masks={name for name, _ in self.model.named_buffers()})
            parts = self.checkpointables.items()
            for name, part in parts:
                if hasattr(part, "check"):  # first: where the config differs, it knows the key
                    part.check(checkpoint.get(name))
            for name, part in parts:
                if hasattr(part, "check"):
                    continue
                if isinstance(part, Optimizer):
                    check_optimizer(checkpoint[name], part)
                else:
                    check_schedule(checkpoint[name], part)
        except DivergenceError as error:
            raise UnreadableCheckpoint(f"{file} is of a training that has diverged ({error})") from error
        except InputError as error:
            raise InputError(
                f"{file} cannot be resumed: it does not fit this config ({error}); use the config that this run was started "
                "with, or take its weights with MODEL.WEIGHTS in another OUTPUT_DIR"
            ) from error
        except Exception as error:  # what is in the place of an entry may fail in any way
            raise UnreadableCheckpoint(f"{file} is malformed ({type(error).__name__}: {error})") from error

    def _load_model(self, checkpoint):
        result = super()._load_model(checkpoint)
        shapes = [name for name, _, _ in result.incorrect_shapes]
        missing = [key for key in result.missing_keys if key not in shapes]
        if self._resuming and (missing or shapes or result.unexpected_keys):
            raise InputError(
                f"{self._loaded_from} cannot be resumed: missing {missing}, of another shape {shapes}, "
                f"left over {result.unexpected_keys}; use the config and the data that this run was started with"
            )
        return result


class TestingCheckpointer(ReadableCheckpointer):
    """Leaves out what a checkpoint holds for training alone, whose shape depends on a class count that a test does not have.

    That is what the model calls `training_only`, and any classifier that the model has without classes.
    """

    __test__ = False  # no test class of pytest

    def _load_model(self, checkpoint):
        prefixes = getattr(self.model, "training_only", ())
        empty = {key for key, weight in self.model.state_dict().items() if weight.shape[:1] == (0,)}

        def is_needed(key: str) -> bool:
            return key not in empty and not key.startswith(prefixes)

        checkpoint["model"] = {key: weight for key, weight in checkpoint["model"].items() if is_needed(key)}
        result = super()._load_model(checkpoint)
        result.missing_keys[:] = [key for key in result.missing_keys if is_needed(key)]
        if result.missing_keys:
            raise InputError(
                f"{self._loaded_from} lacks {len(result.missing_keys)} weights that the model needs "
                f"({', '.join(result.missing_keys[:5])}, ...); is it of this architecture?"
            )
        # A ResNet50 finds all that it needs in the weights of a ResNet101, and its features mean nothing.
        left_over = [key for key in result.unexpected_keys if key.startswith(OF_FEATURES)]
        if left_over:
            raise InputError(
                f"{self._loaded_from} has {len(left_over)} weights for which the model has no place "
                f"({', '.join(left_over[:5])}, ...); is it of this architecture?"
            )
        return result


def _steps(file: str) -> float:
    """The steps that a checkpoint tells to have been done: its time is another one where a folder was copied.

    Infinite for a file that cannot be read: it is tried, and named. -1 for one that is none of DCACTrainer's.
    """
    try:
        steps = read_tensor_file(file, only=())["progress"]["steps"]
    except (InputError, OSError):
        return math.inf
    except (KeyError, TypeError):
        return -1
    return steps if type(steps) is int else -1


def load_for_testing(cfg) -> nn.Module:
    """The model of cfg with the weights of MODEL.WEIGHTS, without its training side; reads no pre-trained weights.

    Raises:
        InputError: a value that does not fit its key, parts that do not fit each other; the file is no checkpoint, or lacks
            a weight that the model needs.
    """
    check_values(cfg)
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.BACKBONE.PRETRAIN = False
    model = build_reid_model(cfg)
    TestingCheckpointer(model, encoder_config=encoder_config(cfg)).load(cfg.MODEL.WEIGHTS)
    return model.eval()
