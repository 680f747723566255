"""fast-reid's Checkpointer with sentences instead of silence: for resuming a run, and for testing a model."""

import pickle

from torch import nn

from fastreid.modeling import build_model
from fastreid.utils.checkpoint import Checkpointer


class ReadableCheckpointer(Checkpointer):
    """Names a file that is no checkpoint of fast-reid. Raises ValueError."""

    def _load_file(self, f: str):
        try:
            checkpoint = super()._load_file(f)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise ValueError(
                f"{f} cannot be read as a checkpoint ({str(error).splitlines()[0]}); is it complete?"
            ) from error
        if not isinstance(checkpoint, dict) or "model" not in checkpoint:
            raise ValueError(f"{f} is no checkpoint of fast-reid: it has no entry 'model' with the weights")
        return checkpoint


class StrictCheckpointer(ReadableCheckpointer):
    """A resumed run must find every weight: fast-reid's Checkpointer would go on with random ones and a log line."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._resuming = False

    def resume_or_load(self, path: str, *, resume: bool = True):
        """As fast-reid's. Raises ValueError where a checkpoint to resume from does not fit the model."""
        self._resuming = resume and self.has_checkpoint()
        return super().resume_or_load(path, resume=resume)

    def _load_model(self, checkpoint):
        result = super()._load_model(checkpoint)
        shapes = [name for name, _, _ in result.incorrect_shapes]
        missing = [key for key in result.missing_keys if key not in shapes]
        if self._resuming and (missing or shapes or result.unexpected_keys):
            raise ValueError(
                f"{self.get_checkpoint_file()} cannot be resumed: missing {missing}, of another shape {shapes}, "
                f"left over {result.unexpected_keys}; use the config and the data that this run was started with"
            )
        return result


class TestingCheckpointer(ReadableCheckpointer):
    """Leaves out what a checkpoint holds for training alone, whose shape depends on a class count that a test does not have."""

    __test__ = False  # no test class of pytest

    def _load_model(self, checkpoint):
        training_only = getattr(self.model, "training_only", ("heads.weight",))
        checkpoint["model"] = {
            key: weight for key, weight in checkpoint["model"].items() if not key.startswith(training_only)
        }
        result = super()._load_model(checkpoint)
        result.missing_keys[:] = [key for key in result.missing_keys if not key.startswith(training_only)]
        if result.missing_keys:
            raise ValueError(
                f"the checkpoint lacks {len(result.missing_keys)} weights that the model needs "
                f"({', '.join(result.missing_keys[:5])}, ...); is it of this architecture?"
            )
        return result


def load_for_testing(cfg) -> nn.Module:
    """The model of cfg with the weights of MODEL.WEIGHTS, without its training side; reads no pre-trained weights.

    Raises:
        ValueError: the file is no checkpoint, or lacks a weight that the model needs.
    """
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.BACKBONE.PRETRAIN = False
    model = build_model(cfg)
    TestingCheckpointer(model).load(cfg.MODEL.WEIGHTS)
    return model.eval()
