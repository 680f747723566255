"""Where a run stands, saved with every checkpoint: a resumed run ends as one that was never stopped."""

import json
import logging
import os

from dcac_fastreid.checkpoint.run_state import (
    logged_values,
    random_states,
    set_logged_values,
    set_random_states,
)
from dcac_fastreid.errors import InputError
from fastreid.utils.events import JSONWriter

logger = logging.getLogger("fastreid.dcac")


class Progress:
    """The part of a checkpoint that tells where the run stands; a checkpointable of fast-reid's Checkpointer.

    Saved by hooks, while the trainer's event storage is open. What is loaded is only kept, and applied by the trainer
    when it begins (`steps`) and when all that comes before the first step is done (`restore`).

    Args:
        trainer: a DCACTrainer.
    """

    def __init__(self, trainer):
        self._trainer = trainer
        self._loaded: dict = {}
        self.resuming = False

    @property
    def steps(self) -> int:
        """Steps done when the loaded checkpoint was saved; 0 without one."""
        return self._loaded.get("steps", 0)

    def state_dict(self) -> dict:
        trainer = self._trainer
        return {
            "steps": (steps := trainer.storage.iter + 1),
            "steps_per_epoch": trainer.epoch_steps.described(trainer.epoch_steps.place(steps)[0] + 1),
            "seed": trainer.cfg.SEED,
            "random": random_states(),
            "noise": feedback.random_state() if (feedback := _feedback(trainer)) else None,
            "device": trainer.model.device.type,
            "scaler": trainer.grad_scaler.state_dict() if trainer.grad_scaler else None,
            "logged": logged_values(trainer.storage),
            "written": [writer._last_write for writer in _json_writers(trainer)],
        }

    def load_state_dict(self, state: dict) -> None:
        of_run = state["steps_per_epoch"]
        now = self._trainer.epoch_steps.described(len(of_run) if isinstance(of_run, list) else 1)
        if of_run != now:
            raise InputError(
                f"an epoch of the run has {of_run} steps, with this config {now}; resume with the data, the "
                "SOLVER.IMS_PER_BATCH and the DATALOADER.SAMPLER_TRAIN of the run"
            )
        if state["seed"] != self._trainer.cfg.SEED:
            raise InputError(
                f"the run was started with SEED {state['seed']}, got {self._trainer.cfg.SEED}; a resumed run goes on with its "
                f"own: add SEED {state['seed']} to the command"
            )
        self._loaded = state

    def restore(self) -> None:
        """Puts back what was loaded, into the trainer's open storage.

        Where a run that shall be resumed has saved nothing yet, its lines in metrics.json are cut: it begins anew.
        """
        trainer, state = self._trainer, self._loaded
        if not state:
            for writer in _json_writers(trainer) if self.resuming else ():
                cut_lines(writer._file_handle.name, -1)
            return
        set_logged_values(trainer.storage, state["logged"])
        for writer, written in zip(_json_writers(trainer), state["written"], strict=False):
            cut_lines(writer._file_handle.name, written)
            writer._last_write = written
        if trainer.grad_scaler and state["scaler"]:
            trainer.grad_scaler.load_state_dict(state["scaler"])
        if state["device"] != trainer.model.device.type:
            logger.warning(
                f"The run was on {state['device']}, it goes on on {trainer.model.device.type}: with other noise, and not to the "
                "bit as if it had never been stopped"
            )
        elif feedback := _feedback(trainer):
            feedback.set_random_state(state["noise"], trainer.model.device)
        set_random_states(state["random"])


def cut_lines(metrics_file: str, last: int) -> None:
    """Cuts from metrics.json what a run wrote after step `last`, and a line that it did not finish."""
    kept = 0
    with open(metrics_file, "rb") as file:
        for line in file:
            try:
                step = json.loads(line)["iteration"]
            except (ValueError, KeyError):
                break
            if step > last or not line.endswith(b"\n"):
                break
            kept += len(line)
    os.truncate(metrics_file, kept)


def _feedback(trainer):
    """DCAC's diffusion branch, which draws from a generator of its own; None of another architecture."""
    return getattr(trainer.model, "feedback", None)


def _json_writers(trainer) -> list[JSONWriter]:
    return [
        writer for hook in trainer._hooks for writer in getattr(hook, "_writers", ()) if isinstance(writer, JSONWriter)
    ]
