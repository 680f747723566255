"""What a training that stops says of itself: where it was, what is saved of it, how to go on."""

import os
from contextlib import suppress

from dcac_fastreid.errors import DivergenceError, InputError, Terminated

ADVICE = (
    "try a lower SOLVER.BASE_LR, a longer warm-up (SOLVER.WARMUP_EPOCHS or WARMUP_ITERS), SOLVER.AMP.DTYPE bf16 or no "
    "SOLVER.AMP, of DCAC a lower MODEL.DCAC.LAMBDA"
)


def last_saved(trainer) -> str:
    """The checkpoint of fast-reid's trainer to resume from; "" for none."""
    file = ""
    with suppress(AttributeError, InputError):  # a trainer without a checkpointer; a damaged last_checkpoint
        file = trainer.checkpointer.get_checkpoint_file()
    return file if os.path.isfile(file) else ""


def interrupted(trainer, error: KeyboardInterrupt) -> KeyboardInterrupt:
    """The Ctrl-C or SIGTERM that met a training, with the line for it."""
    file = last_saved(trainer)
    how = f"go on with --resume, from {file}" if file else "it had saved no checkpoint yet"
    by = "SIGTERM" if isinstance(error, Terminated) else "Ctrl-C"
    return type(error)(f"stopped by {by} at {_place(trainer)}; {how}")


def diverged(trainer, error: DivergenceError) -> DivergenceError:
    """The sentence about a training whose `error` names losses or weights."""
    if file := last_saved(trainer):
        saved = f"the last good checkpoint is {file}"
        again = (
            "a resumed run keeps its learning rate: begin again in another OUTPUT_DIR, from that checkpoint by MODEL.WEIGHTS "
            "or without"
        )
    else:
        saved, again = "and there is no checkpoint from before", "then begin again"
    return DivergenceError(
        f"the training has diverged: {error}; noticed at {_place(trainer)}{_learning_rate(trainer)}; nothing of it was saved, "
        f"{saved}; {ADVICE}; {again}"
    )


def evaluation_failed(trainer, sentence: str) -> InputError:
    """The sentence about an evaluation during a training, from that about its error."""
    file = last_saved(trainer)
    saved = f"the weights are safe in {file}: test them with --eval-only MODEL.WEIGHTS {file}, or go on with --resume"
    return InputError(f"the evaluation after epoch {trainer.epoch} failed: {sentence}" + (f"; {saved}" if file else ""))


def _learning_rate(trainer) -> str:
    optimizer = getattr(trainer, "optimizer", None)
    if not optimizer:
        return ""
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    return ", learning rate " + " to ".join(f"{rate:.3g}" for rate in sorted({min(rates), max(rates)}))


def _place(trainer) -> str:
    epoch = getattr(trainer, "epoch", None)
    return f"epoch/iter {'-' if epoch is None else epoch}/{trainer.iter}"
