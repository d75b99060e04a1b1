"""The training step of every number format: N batches, one step of the optimizer."""

import time
from collections.abc import Callable
from typing import Any

import torch
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.utils.events import get_event_storage
from torch import Tensor, nn
from torch.optim import Optimizer

from mdpr.engine.steps.attempt import Attempt, BufferBackup, random_state
from mdpr.engine.steps.ema import AveragedWeights
from mdpr.engine.steps.gradients import gradient_norm, gradients_kept_local
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.engine.steps.nonfinite import Finiteness, NonFiniteGuard
from mdpr.engine.steps.scalars import CapturedScalars, ScalarMeans


class TrainingStep(SimpleTrainer):
    """fast-reid's plain step, in any precision, over several batches, with an eye on what goes wrong.

    The gradient is the mean over ``accumulate`` batches. A step with a loss or gradients that are not
    finite never reaches the weights, nor the statistics of the norms; see `NonFiniteGuard`. Overflows
    of float16 gradients are no such step: the gradient scaler leaves them out and lowers its factor.

    Args:
        model: returns a dict of scalar losses for a batch dict.
        data_loader: endless, batch by batch.
        optimizer: clips gradients itself where that is asked for, as fast-reid's does.
        parameters: of fast-reid's signature.
        precision: number format of the forward pass.
        accumulate: batches per step, >= 1.
        guard: the default stops at the first non-finite step and saves nothing.
        averaged: updated after every step taken.

    Attributes:
        scalars: losses and what else the model logs, until they are read.
        data_seconds: how long the last step waited for its batches.
        grad_scaler: of float16, else None.
        guard: judge of non-finite steps.
        averaged: moving average of the weights, or None.
        signal: asked before the verdict on a step for a signal that came to this process (0: none).
        agreed_signal: one that came to any process by the last verdict, the same in all; 0 where none did.
    """

    def __init__(
        self,
        model: nn.Module,
        data_loader: Any,
        optimizer: Optimizer,
        parameters: Any,
        *,
        precision: Precision,
        accumulate: int = 1,
        guard: NonFiniteGuard | None = None,
        averaged: AveragedWeights | None = None,
    ) -> None:
        super().__init__(model, data_loader, optimizer, parameters)
        self.device = next(model.parameters()).device
        self.precision = precision
        self.accumulate = accumulate
        self.guard = NonFiniteGuard() if guard is None else guard
        self.averaged = averaged
        self.grad_scaler = precision.gradient_scaler(self.device)
        self.scalars = ScalarMeans()
        self.data_seconds = 0.0
        self.signal: Callable[[], int] = lambda: 0
        self.agreed_signal = 0
        self._backup = BufferBackup(model)
        self._trained = [p for group in optimizer.param_groups for p in group["params"]]

    @property
    def model_to_evaluate(self) -> nn.Module:
        """The averaged weights where there are any, else those being trained."""
        if self.averaged is None or not self.averaged.steps:
            return self.model
        return self.averaged.model

    def run_step(self) -> None:
        """One step of the optimizer.

        Raises:
            NonFiniteError: a loss or gradients are not finite, and no step may be left out (any more).
        """
        self._backup.save()
        self.optimizer.zero_grad()
        attempt, scalars = Attempt(), []
        self.data_seconds = 0.0
        for index in range(self.accumulate):
            batch = self._next_batch()
            with gradients_kept_local(self.model, index + 1 < self.accumulate):
                scalars.append(self._forward_backward(batch, attempt))
        if self.grad_scaler is not None:
            # The norm and clipping, which is the optimizer's, need gradients of their true size.
            self.grad_scaler.unscale_(self.optimizer)
        attempt.gradient_norm = gradient_norm(self._trained)
        finiteness = self.guard.judge(attempt, self.signal())
        self.agreed_signal = finiteness.signal
        if finiteness.losses_finite and finiteness.gradients_finite:
            self._update_weights()
            self.scalars.add(["gradient_norm"], attempt.gradient_norm[None])
        elif not self._is_overflow(finiteness):
            self._leave_out(attempt, finiteness)
            return
        if self.grad_scaler is not None:
            self.grad_scaler.update()
        self._log(scalars, attempt)

    def _next_batch(self) -> Any:
        started = time.perf_counter()
        batch = next(self._data_loader_iter)
        self.data_seconds += time.perf_counter() - started
        return batch

    def _forward_backward(self, batch: Any, attempt: Attempt) -> dict[str, Tensor]:
        """Add a batch's share to the gradients, and what is known of it to ``attempt``."""
        attempt.batches.append(batch)
        attempt.random_states.append(random_state(self.device))
        captured = CapturedScalars(get_event_storage())
        with captured, self.precision.autocast(self.device):
            losses = self.model(batch)
        terms = {name: loss.detach().float().reshape(()) for name, loss in losses.items()}
        attempt.names = tuple(terms)
        attempt.losses.append(torch.stack(list(terms.values())))
        total = sum(losses.values()) / self.accumulate
        if self.grad_scaler is not None:
            total = self.grad_scaler.scale(total)
        total.backward()
        return captured.scalars

    def _update_weights(self) -> None:
        if self.grad_scaler is None:
            self.optimizer.step()
        else:
            self.grad_scaler.step(self.optimizer)
        if self.averaged is not None:
            self.averaged.update(self.model)

    def _is_overflow(self, finiteness: Finiteness) -> bool:
        """Whether a smaller factor of the gradient scaler may give finite gradients."""
        return self.grad_scaler is not None and finiteness.losses_finite and self.grad_scaler.get_scale() > 1

    def _leave_out(self, attempt: Attempt, finiteness: Finiteness) -> None:
        self._backup.restore()
        if self.grad_scaler is not None:
            self.grad_scaler.update()  # before the next unscaling
        self.guard.leave_out(attempt, finiteness, self.model, iteration=self.iter)

    def _log(self, captured: list[dict[str, Tensor]], attempt: Attempt) -> None:
        losses = torch.stack(attempt.losses).mean(dim=0)
        values = {"total_loss": losses.sum()}
        values |= dict(zip(attempt.names, losses.unbind(), strict=True))
        for name in captured[0]:
            parts = [part[name].to(losses) for part in captured]
            values[name] = torch.stack(parts).mean()
        self.scalars.add(list(values), torch.stack(list(values.values())))
