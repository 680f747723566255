"""How a script loads checkpoints: as fast-reid does, with a sentence where it would fail or load nothing."""

from dcac_fastreid.checkpoint.checkpointer import ReadableCheckpointer
from dcac_fastreid.errors import InputError


class ScriptCheckpointer(ReadableCheckpointer):
    """Raises InputError for a file that is not there, is no checkpoint, or has no weight of the model's backbone.

    And for no file at all, where a script loads to test: to train, it calls `resume_or_load`.
    """

    def load(self, path: str, checkpointables=None):
        if not path and checkpointables is None:
            raise InputError("no checkpoint to test is named; add MODEL.WEIGHTS path/to/model_final.pth to the command")
        return super().load(path, checkpointables)

    def _load_model(self, checkpoint):
        result = super()._load_model(checkpoint)
        # A head alone fits more than one architecture, and without its backbone the features mean nothing.
        backbone = {name for name, _ in self.model.named_parameters() if name.startswith("backbone.")}
        if backbone and backbone <= {*result.missing_keys}:
            raise InputError(
                "the checkpoint has none of the weights of the model's backbone; is it of this architecture? See "
                "MODEL.WEIGHTS, MODEL.META_ARCHITECTURE and MODEL.BACKBONE"
            )
        return result
