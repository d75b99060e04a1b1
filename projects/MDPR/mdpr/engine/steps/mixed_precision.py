"""Number formats of a step and of an evaluation: float32, float16 with gradient scaling, bfloat16."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from fastreid.config import CfgNode

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Precision:
    """What convolutions and matrix products compute in; weights, norms and losses stay in float32."""

    dtype: torch.dtype  # float32 computes without autocast

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "Precision":
        """``SOLVER.AMP``, which `mdpr.engine.run_rules` has checked."""
        amp = cfg.SOLVER.AMP
        return cls(DTYPES[amp.DTYPE] if amp.ENABLED else torch.float32)

    def autocast(self, device: torch.device) -> AbstractContextManager:
        """The context of a forward pass on ``device``."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(device_type=device.type, dtype=self.dtype)

    def gradient_scaler(self, device: torch.device) -> torch.amp.GradScaler | None:
        """A scaler for float16, whose small gradients would vanish.

        bfloat16 has float32's range, so nothing is scaled.
        """
        if self.dtype != torch.float16:
            return None
        return torch.amp.GradScaler(device.type)
