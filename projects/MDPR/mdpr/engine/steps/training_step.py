"""The training step of every number format: N batches, one step of the optimizer."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.utils.events import get_event_storage
from torch import nn
from torch.optim import Optimizer

from mdpr.deployment.compilation import compiled_or_not
from mdpr.engine.data_parallel import gradients_kept_local
from mdpr.engine.steps.attempt import Attempt, BufferBackup, random_state
from mdpr.engine.steps.ema import AveragedWeights
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.engine.steps.nonfinite import NonFiniteGuard
from mdpr.engine.steps.scalars import CapturedScalars, ScalarMeans
from mdpr.engine.steps.verdict import Verdict, gradient_norm


class TrainingStep(SimpleTrainer):
    """fast-reid's plain step, in any precision, over several batches, with an eye on what goes wrong.

    The gradient is the mean over ``accumulate`` batches. A step with a loss or gradients that are not
    finite never reaches the weights, nor the statistics of the norms; see `NonFiniteGuard`. Overflows
    of float16 gradients are no such step: the gradient scaler leaves them out and lowers its factor.

    A GPU is not waited for before the next step is on its way there: a fused optimizer leaves a bad step
    out by itself, and the host learns of it a step later, or from `settle`. For an optimizer that cannot do
    so, the verdict is read before it takes the step.

    Args:
        model: returns a dict of scalar losses for a batch dict.
        data_loader: endless, batch by batch.
        optimizer: clips gradients itself where that is asked for, as fast-reid's does.
        parameters: of fast-reid's signature.
        precision: number format of the forward pass.
        accumulate: batches per step, >= 1.
        guard: the default stops at the first non-finite step and saves nothing.
        averaged: updated after every step taken.
        compiled: whether to compile the forward and backward passes.

    Attributes:
        scalars: losses and what else the model logs, of all settled steps, until they are read.
        data_seconds: how long the last step waited for its batches.
        grad_scaler: of float16, else None.
        guard: counts non-finite steps.
        averaged: moving average of the weights over all settled steps, or None.
        signal: asked at each verdict for a signal that came to this process (0: none).
        settles_late: whether a step is settled during the next one; so it is but on CPUs.
        agreed_signal: one that came to any process by the last settled step, the same in all; or 0.
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
        compiled: bool = False,
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
        self._losses_of = compiled_or_not(model, dynamic=False) if compiled else model
        self._backup = BufferBackup(model)
        self._trained = [p for group in optimizer.param_groups for p in group["params"]]
        # What PyTorch's gradient scaler asks an optimizer: whether it heeds `found_inf` on the device.
        self._optimizer_heeds_verdicts = getattr(optimizer, "_step_supports_amp_scaling", False)
        self._unsettled: tuple[Attempt, Verdict] | None = None
        self.settles_late = self.device.type != "cpu"

    @property
    def model_to_evaluate(self) -> nn.Module:
        """The averaged weights where there are any, else those being trained."""
        if self.averaged is None or not self.averaged.steps:
            return self.model
        return self.averaged.model

    def run_step(self) -> None:
        """One step of the optimizer; it is settled, or, where steps settle late, the one before it.

        Raises:
            NonFiniteError: a loss or gradients are not finite, and no step may be left out (any more).
        """
        self._backup.save()
        self.optimizer.zero_grad()
        attempt = Attempt(self.iter)
        self.data_seconds = 0.0
        for index in range(self.accumulate):
            batch = self._next_batch()
            with gradients_kept_local(self.model, index + 1 < self.accumulate):
                self._forward_backward(batch, attempt)
        if self.grad_scaler is not None:
            # The norm and clipping, which is the optimizer's, need gradients of their true size.
            self.grad_scaler.unscale_(self.optimizer)
        attempt.gradient_norm = gradient_norm(self._trained)
        verdict = Verdict(attempt, self.signal(), self.grad_scaler)
        # The weights are still those of the step before; its statistics are what was kept of them.
        self._settle(self._backup.in_place())
        self._backup.restore_where(verdict.left_out)
        self._unsettled = attempt, verdict
        self._update_weights(verdict)
        if self.grad_scaler is not None:
            self.grad_scaler.update()
        if not self.settles_late:
            self.settle()

    def settle(self) -> None:
        """Learn what became of the last step: log it, or report that it was left out. Every process calls it.

        Raises:
            NonFiniteError: as `run_step`.
        """
        self._settle(nullcontext())

    def _settle(self, after_that_step: AbstractContextManager) -> None:
        """In ``after_that_step`` the model is as the unsettled step left it."""
        if self._unsettled is None:
            return
        (attempt, verdict), self._unsettled = self._unsettled, None
        finiteness = verdict.read()
        self.agreed_signal = finiteness.signal
        if finiteness.is_finite:
            if self.averaged is not None:
                with after_that_step:
                    self.averaged.update(self.model)
            self.scalars.add(["gradient_norm"], attempt.gradient_norm[None])
        elif not finiteness.overflow:
            with after_that_step:
                self.guard.leave_out(attempt, finiteness.losses_finite, self.model)
            return
        self._log(attempt)

    def _next_batch(self) -> Any:
        started = time.perf_counter()
        batch = next(self._data_loader_iter)
        self.data_seconds += time.perf_counter() - started
        return batch

    def _forward_backward(self, batch: Any, attempt: Attempt) -> None:
        """Add a batch's share to the gradients, and what is known of it to ``attempt``."""
        attempt.batches.append(batch)
        attempt.random_states.append(random_state(self.device))
        captured = CapturedScalars(get_event_storage())
        with captured, self.precision.autocast(self.device):
            losses = self._losses_of(batch)
        terms = {name: loss.detach().float().reshape(()) for name, loss in losses.items()}
        attempt.names = tuple(terms)
        attempt.losses.append(torch.stack(list(terms.values())))
        total = sum(losses.values()) / self.accumulate
        if self.grad_scaler is not None:
            total = self.grad_scaler.scale(total)
        total.backward()
        attempt.captured.append(captured.scalars)

    def _update_weights(self, verdict: Verdict) -> None:
        if self._optimizer_heeds_verdicts:
            optimizer: Any = self.optimizer
            optimizer.found_inf = verdict.unfit
            optimizer.step()
            del optimizer.found_inf
        elif verdict.read().is_finite:
            self.optimizer.step()

    def _log(self, attempt: Attempt) -> None:
        losses = torch.stack(attempt.losses).mean(dim=0)
        values = {"total_loss": losses.sum()}
        values |= dict(zip(attempt.names, losses.unbind(), strict=True))
        for name in attempt.captured[0]:
            parts = [part[name].to(losses) for part in attempt.captured]
            values[name] = torch.stack(parts).mean()
        self.scalars.add(list(values), torch.stack(list(values.values())))
