"""Where a run stands, saved with every checkpoint: a resumed run ends as one that was never stopped."""

import json
import logging
import math
import os

import torch

from dcac_fastreid.checkpoint.run_state import (
    check_random_states,
    logged_values,
    random_states,
    set_logged_values,
    set_random_states,
)
from dcac_fastreid.engine.speed import precision_of
from dcac_fastreid.errors import InputError
from fastreid.utils.events import EventStorage, JSONWriter

# Keys of SOLVER that a resumed run may have otherwise: how long it is, what it saves, and how its steps are computed.
FREE = {
    "MAX_EPOCH", "CHECKPOINT_PERIOD", "CHECKPOINT_STEPS", "MICRO_BATCH", "CHECKPOINT_ACTIVATIONS", "COMPILE", "CUDA_GRAPH",
    "SPEED", "DETERMINISTIC",
}  # fmt: skip
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

    @property
    def start(self) -> str | None:
        """The hash of the encoder that the loaded checkpoint's run began with; None where it does not tell."""
        return self._loaded.get("start")

    def state_dict(self) -> dict:
        trainer = self._trainer
        steps = trainer.storage.iter + 1
        epoch, _ = trainer.epoch_steps.place(steps)
        return {
            "steps": steps,
            "steps_per_epoch": trainer.epoch_steps.described(epoch + 1),
            "seed": trainer.cfg.SEED,
            "random": random_states(),
            "noise": feedback.random_state() if (feedback := _feedback(trainer)) else None,
            "device": trainer.model.device.type,
            "precision": precision_of(trainer.cfg.SOLVER),
            "scaler": trainer.grad_scaler.state_dict() if trainer.grad_scaler else None,
            "logged": logged_values(trainer.storage),
            "written": [writer._last_write for writer in _json_writers(trainer)],
            "solver": _settings(trainer.cfg),
            "start": trainer.start_of_encoder.hash if trainer.start_of_encoder else None,
        }

    def check(self, state: dict) -> None:
        """Tries what `restore` will do, and changes nothing.

        Raises: InputError: of another run's settings. Anything else: malformed.
        """
        steps, per_epoch = state["steps"], state["steps_per_epoch"]
        numbers = [steps, state["seed"], *(per_epoch if isinstance(per_epoch, list) else [per_epoch])]
        if any(type(number) is not int for number in numbers) or steps < 1:
            raise ValueError(f"steps {steps!r} of {per_epoch!r} an epoch, seed {state['seed']!r}")
        check_random_states(state["random"])
        with EventStorage(0) as storage:
            set_logged_values(storage, state["logged"])
            numbers = [number for pair in storage.latest_with_smoothing_hint(1).values() for number in pair]
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
            raise TypeError("logged values")
        if not isinstance(state.get("start"), str | None):
            raise TypeError(f"start {state['start']!r}")
        if any(type(step) is not int for step in state["written"]):
            raise TypeError(f"written {state['written']!r}")
        if state["scaler"] is not None:
            torch.amp.GradScaler("cpu").load_state_dict(state["scaler"])
            if not 0 < state["scaler"]["scale"] < math.inf:
                raise ValueError(f"scale {state['scaler']['scale']}")
        device = self._trainer.model.device
        if _feedback(self._trainer) and state["device"] == device.type:
            torch.Generator(device).set_state(state["noise"])
        self._check_settings(state)

    def _check_settings(self, state: dict) -> None:
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
        saved, ours = state.get("solver", {}), _settings(self._trainer.cfg)
        for key in ours.keys() & saved.keys():  # a later version may have more of them
            if saved[key] != ours[key]:
                raise InputError(f"the run was started with SOLVER.{key} {saved[key]}, got {ours[key]}")
        if state["steps"] > self._trainer.max_iter:
            raise InputError(
                f"the run has done {state['steps']} steps, SOLVER.MAX_EPOCH {self._trainer.max_epoch} asks for "
                f"{self._trainer.max_iter}"
            )

    def load_state_dict(self, state: dict) -> None:
        """Keeps what `check` has found fit."""
        self._loaded = state

    def restore(self) -> None:
        """Puts back what was loaded, into the trainer's open storage.

        Where a run that shall be resumed has saved nothing yet, its lines in metrics.json are cut: it begins again.
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
        device, precision = trainer.model.device.type, precision_of(trainer.cfg.SOLVER)
        of_run = state.get("precision", precision)  # an earlier version's checkpoint does not tell
        if state["device"] != device:
            logger.warning(
                f"The run was on {state['device']}, it goes on on {device}: with other noise, and not to the bit as if it had "
                "never been stopped"
                + (f"; it was in {of_run}, it goes on in {precision}" if of_run != precision else "")
            )
        elif of_run != precision:
            logger.warning(
                f"The run was in {of_run}, it goes on in {precision}: not to the bit as if it had never been stopped. It would "
                f"keep {of_run} where this GPU has it and the command says no other SOLVER.SPEED or SOLVER.AMP"
            )
        if state["device"] == device and (feedback := _feedback(trainer)):
            feedback.set_random_state(state["noise"], trainer.model.device)
        set_random_states(state["random"])


def cut_lines(metrics_file: str, last: int) -> None:
    """Leaves in metrics.json what a run wrote up to step `last`; lines that are none of it, damaged ones, go, and are told."""
    kept, damaged, in_order = [], 0, True
    with open(metrics_file, "rb") as file:
        for line in file:
            step = _step_of(line)
            if step is None and line.endswith(b"\n"):  # without it: one that the run did not finish
                damaged += 1
            elif step is not None and step <= last and line.endswith(b"\n"):
                kept.append(line)
                in_order = in_order and not damaged
    size = sum(map(len, kept))
    if not in_order:
        with open(metrics_file, "r+b") as file:  # in place: the writer has it open
            file.writelines(kept)
    os.truncate(metrics_file, size)
    if damaged:
        logger.warning(f"{metrics_file} had {damaged} damaged lines, which are removed")


def _step_of(line: bytes) -> int | None:
    try:
        step = json.loads(line)["iteration"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return step if type(step) is int else None


def _settings(cfg) -> dict:
    """What SOLVER says of the course of a training, by key: it stays that of the run."""
    of_run = {
        key: _plain(value) for key, value in cfg.SOLVER.items() if key not in FREE and not isinstance(value, dict)
    }
    return of_run | {"EMA.EPOCHS": cfg.SOLVER.EMA.EPOCHS}


def _plain(value):
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _feedback(trainer):
    """DCAC's diffusion branch, which draws from a generator of its own; None of another architecture."""
    return getattr(trainer.model, "feedback", None)


def _json_writers(trainer) -> list[JSONWriter]:
    return [
        writer for hook in trainer._hooks for writer in getattr(hook, "_writers", ()) if isinstance(writer, JSONWriter)
    ]
