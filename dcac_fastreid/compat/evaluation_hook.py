"""The evaluations of a training: every TEST.EVAL_PERIOD epochs and in the last one, or none."""

from dcac_fastreid.checkpoint.stopped import evaluation_failed
from dcac_fastreid.errors import one_sentence
from fastreid.engine.defaults import DefaultTrainer
from fastreid.engine.hooks import EvalHook, PeriodicCheckpointer

host_after_epoch = EvalHook.after_epoch
host_after_train = EvalHook.after_train


def after_epoch(self) -> None:
    next_epoch = self.trainer.epoch + 1
    if self._period > 0 and (next_epoch % self._period == 0 or next_epoch >= self.trainer.max_epoch):
        save_before(self)
        try:
            self._do_eval()
        except Exception as error:
            if sentence := one_sentence(error):
                raise evaluation_failed(self.trainer, sentence) from error
            raise


def save_before(evaluation: EvalHook) -> None:
    """Of a trainer whose checkpointer stands behind the evaluation: the weights, which it saves again with their metric."""
    trainer, hooks = evaluation.trainer, evaluation.trainer._hooks
    behind = hooks[hooks.index(evaluation) :] if evaluation in hooks else ()
    for hook in behind:
        if isinstance(hook, PeriodicCheckpointer):
            done = trainer.epoch + 1
            ordinary = f"model_{trainer.epoch:04d}" if done % hook.period == 0 else "model_steps"
            hook.save("model_final" if done >= trainer.max_epoch else ordinary, epoch=trainer.epoch, metric=-1.0)


def after_train(self) -> None:
    del self._func  # it holds the trainer, which holds this hook


def evaluate_in_the_last_epoch() -> None:
    """fastreid/engine/hooks.py:379 evaluates in after_train where TEST.EVAL_PERIOD does not divide SOLVER.MAX_EPOCH.

    Any version. After the last checkpoint and the last line of metrics.json, so this evaluation is in neither, and
    model_final keeps metric -1. It also runs after an error in the last epoch. EVAL_PERIOD 0 ("none" in after_epoch):
    ZeroDivisionError at the end of the training. A finished run that is resumed: AttributeError, no attribute 'epoch'.

    engine/defaults.py:300 saves an epoch after its evaluation: one that fails takes the weights with it. They are saved
    before it too.

    Where nothing was evaluated, DefaultTrainer.train (engine/defaults.py:350) returns None, as it promises, instead of
    an AssertionError.
    """
    EvalHook.after_epoch = after_epoch
    EvalHook.after_train = after_train
    DefaultTrainer._last_eval_results = None
