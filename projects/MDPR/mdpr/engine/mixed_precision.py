"""Training steps in bfloat16, on GPUs and on CPUs that compute in it."""

import time

import torch
from fastreid.engine.train_loop import AMPTrainer, SimpleTrainer

from mdpr.errors import ConfigError

__all__ = ["DTYPES", "BFloat16Trainer", "cpu_computes_in_bfloat16", "step_class"]

DTYPES = ("fp16", "bf16")


class BFloat16Trainer(SimpleTrainer):
    """fast-reid's plain step under autocast; bfloat16 has float32's range, so nothing is scaled."""

    def run_step(self) -> None:
        """One step of the optimizer."""
        started = time.perf_counter()
        data = next(self._data_loader_iter)
        data_time = time.perf_counter() - started
        device = next(self.model.parameters()).device
        with torch.autocast(device_type=device.type, dtype=torch.bfloat16):
            losses = self.model(data)
        self.optimizer.zero_grad()
        sum(losses.values()).backward()
        self._write_metrics(losses, data_time)
        self.optimizer.step()


def cpu_computes_in_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; others emulate it, slower than float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bool(
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


def step_class(amp_enabled: bool, dtype: str) -> type[SimpleTrainer]:
    """The training step for ``SOLVER.AMP``.

    Args:
        amp_enabled: ``SOLVER.AMP.ENABLED``.
        dtype: ``SOLVER.AMP.DTYPE``: "fp16" (fast-reid's, with gradient scaling, GPUs only) or "bf16".

    Raises:
        ConfigError: another dtype.
    """
    if dtype not in DTYPES:
        raise ConfigError(f"SOLVER.AMP.DTYPE is {dtype!r}: expected one of {', '.join(DTYPES)}")
    if not amp_enabled:
        return SimpleTrainer
    return AMPTrainer if dtype == "fp16" else BFloat16Trainer
