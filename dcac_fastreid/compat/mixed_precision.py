"""SOLVER.AMP.ENABLED on CPU and GPU, in bfloat16 or float16."""

import time

import torch

from fastreid.engine import defaults
from fastreid.engine.hooks import LRScheduler
from fastreid.engine.train_loop import AMPTrainer

host_before_step = LRScheduler.before_step


class MixedPrecisionTrainer(AMPTrainer):
    """The host's AMPTrainer with torch.amp, on the device of the model's parameters.

    Attributes:
        device_type: "cuda", "cpu".
        dtype: torch.float16 on cuda, torch.bfloat16 elsewhere, until `set_dtype` is called.
        grad_scaler: torch.amp.GradScaler for float16, None for bfloat16, whose exponent is that of float32.
    """

    def __init__(self, model, data_loader, optimizer, param_wrapper, grad_scaler=None):
        self.device_type = next(model.parameters()).device.type
        # Without a scaler the host's __init__ makes the deprecated torch.cuda.amp one (train_loop.py:325).
        scaler = grad_scaler or torch.amp.GradScaler(self.device_type)
        super().__init__(model, data_loader, optimizer, param_wrapper, scaler)
        self.dtype = torch.float16
        if self.device_type != "cuda" and grad_scaler is None:
            self.set_dtype(torch.bfloat16)

    def set_dtype(self, dtype: torch.dtype) -> None:
        """Sets the type that autocast computes in and a fresh gradient scaler, None for torch.bfloat16.

        Raises: ValueError: dtype is neither torch.bfloat16 nor torch.float16.
        """
        if dtype not in (torch.bfloat16, torch.float16):
            raise ValueError(f"mixed precision computes in torch.bfloat16 or torch.float16, got {dtype}")
        self.dtype = dtype
        self.grad_scaler = torch.amp.GradScaler(self.device_type) if dtype == torch.float16 else None

    def run_step(self):
        assert self.model.training, "[MixedPrecisionTrainer] model was changed to eval mode!"

        start = time.perf_counter()
        data = next(self._data_loader_iter)
        data_time = time.perf_counter() - start

        with torch.autocast(self.device_type, dtype=self.dtype):
            loss_dict = self.model(data)
            losses = sum(loss_dict.values())

        self.optimizer.zero_grad()
        if self.grad_scaler is None:
            losses.backward()
            self._write_metrics(loss_dict, data_time)
            self.optimizer.step()
        else:
            self.grad_scaler.scale(losses).backward()
            self._write_metrics(loss_dict, data_time)
            # Here, not inside step(): a fused optimizer unscales later than the host's gradient clipping reads.
            self.grad_scaler.unscale_(self.optimizer)
            self.grad_scaler.step(self.optimizer)
            self.grad_scaler.update()


def before_step(self) -> None:
    if self.trainer.iter < self.trainer.warmup_iters:
        host_before_step(self)


def read_scale_where_used() -> None:
    """fastreid/engine/hooks.py:252 reads the loss scale before every step; hooks.py:260 needs it in the warm-up steps alone.

    Any version, fp16: the program waits for the GPU at every step.
    """
    LRScheduler.before_step = before_step


def use_device_autocast() -> None:
    """fastreid/engine/train_loop.py:335 (AMPTrainer.run_step) and :325 (its GradScaler).

    Without a GPU: AssertionError: CUDA is required for AMP training! PyTorch >= 2.4: FutureWarning, torch.cuda.amp is
    deprecated. On any device: float16 only. DefaultTrainer makes its trainer by this module's global name.
    """
    defaults.AMPTrainer = MixedPrecisionTrainer
