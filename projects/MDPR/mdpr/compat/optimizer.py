"""An optimizer that sees the gradients.

fast-reid hands the optimizer flat copies of all parameters (``ContiguousParams``) whose ``.grad`` are
views that autograd fills. Since PyTorch 2.0 ``zero_grad()`` drops gradients instead of zeroing them, so
autograd makes new ones outside those views and the optimizer steps on zeros for ever: no weight
changes, no error. Here the optimizer gets the parameters themselves, one group per combination of
hyper-parameters, and a fused or foreach step, which is what the flat copies were for.
"""

import inspect
from typing import Any

import fastreid.engine.defaults
import fastreid.solver
import fastreid.solver.build
import torch
from fastreid.config import CfgNode
from fastreid.solver.build import get_default_optimizer_params
from torch import Tensor, nn

from mdpr.compat.gradient_clipping import with_clipped_gradients
from mdpr.compat.layer_freezing import with_frozen_layers
from mdpr.errors import wrong_value

ParameterGroups = list[dict[str, Any]]

NEW_LAYERS = "new_layers"  # key of a group: whether no pretrained backbone has its parameters


def with_dense_views(optimizer_class: type[torch.optim.Adam]) -> type[torch.optim.Adam]:
    """An optimizer whose fused step is right, and fast, for every memory layout.

    PyTorch's fused Adam walks through a weight, its gradient and its moments as they lie in memory. It
    copies gradients that are not contiguous, and where one of them lies otherwise than the weight (the
    moments of a resumed run, say) it pairs the wrong numbers and says nothing. Here all of them lie
    alike, and channels-last ones are handed over as contiguous views.
    """

    class DenseViews(optimizer_class):  # type: ignore[misc, valid-type]
        def _init_group(self, group: dict[str, Any], parameters: list[Tensor], *lists: Any) -> Any:
            result = super()._init_group(group, parameters, *lists)
            for tensors in lists:
                for parameter, tensor in zip(parameters, tensors, strict=False):
                    if tensor.shape == parameter.shape and tensor.stride() != parameter.stride():
                        tensor.data = torch.empty_like(parameter).copy_(tensor)
            for tensors in (parameters, *lists):
                tensors[:] = [_contiguous_view(tensor) for tensor in tensors]
            return result

    DenseViews.__name__ = optimizer_class.__name__
    return DenseViews


def _contiguous_view(tensor: Tensor) -> Tensor:
    channels_last = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.permute(0, 2, 3, 1) if channels_last else tensor


def lay_moments_as_weights(optimizer: torch.optim.Optimizer) -> None:
    """Bring the moments of a resumed run, written where weights lay otherwise, into today's memory layout."""
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter).copy_(value)


def parameter_groups(cfg: CfgNode, model: nn.Module) -> ParameterGroups:
    """Trainable parameters under fast-reid's learning-rate and weight-decay rules, one group per
    distinct (freeze status, learning rate, weight decay); with ``SOLVER.NEW_LAYERS_WARMUP_ITERS`` new layers
    apart from the others."""
    per_parameter = get_default_optimizer_params(
        model,
        base_lr=cfg.SOLVER.BASE_LR,
        weight_decay=cfg.SOLVER.WEIGHT_DECAY,
        weight_decay_norm=cfg.SOLVER.WEIGHT_DECAY_NORM,
        bias_lr_factor=cfg.SOLVER.BIAS_LR_FACTOR,
        heads_lr_factor=cfg.SOLVER.HEADS_LR_FACTOR,
        weight_decay_bias=cfg.SOLVER.WEIGHT_DECAY_BIAS,
        freeze_layers=cfg.MODEL.FREEZE_LAYERS if cfg.SOLVER.FREEZE_ITERS > 0 else [],
    )
    if cfg.SOLVER.get("NEW_LAYERS_WARMUP_ITERS", 0):
        new = {id(parameter) for name, parameter in model.named_parameters() if _is_new(name)}
        for group in per_parameter:
            group[NEW_LAYERS] = id(group["params"][0]) in new
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in per_parameter:
        hyper_parameters = {key: value for key, value in group.items() if key != "params"}
        key = tuple(sorted(hyper_parameters.items()))
        merged.setdefault(key, {**hyper_parameters, "params": []})["params"].extend(group["params"])
    return list(merged.values())


def _is_new(name: str) -> bool:
    """Whether a parameter of MDPR is of none of the stages that it has from a ResNet."""
    stem, *inner = name.split(".")
    return stem != "backbone" and not {"layer3", "layer4"} & set(inner)


def build_optimizer(
    cfg: CfgNode, model: nn.Module, contiguous: bool = False
) -> tuple[torch.optim.Optimizer, ParameterGroups]:
    """Replacement for ``fastreid.solver.build_optimizer``.

    Args:
        cfg: the full config; ``SOLVER`` and ``MODEL.FREEZE_LAYERS`` are read.
        model: the model whose trainable parameters are optimised.
        contiguous: accepted for fast-reid's signature; parameters are never copied.

    Returns:
        The optimizer, and the parameter groups it was made from.

    Raises:
        ConfigError: ``SOLVER.OPT`` is not an optimizer of ``torch.optim``.
    """
    optimizer_class = getattr(torch.optim, cfg.SOLVER.OPT, None)
    if not (inspect.isclass(optimizer_class) and issubclass(optimizer_class, torch.optim.Optimizer)):
        raise wrong_value(
            "SOLVER.OPT",
            cfg.SOLVER.OPT,
            "the name of a class in torch.optim, such as 'Adam', 'AdamW' or 'SGD'",
        )
    arguments = _fast_step(cfg, optimizer_class)
    if cfg.SOLVER.OPT == "SGD":
        arguments.update(momentum=cfg.SOLVER.MOMENTUM, nesterov=cfg.SOLVER.NESTEROV)
    fused_adam = cfg.SOLVER.OPT in ("Adam", "AdamW")
    if fused_adam and next(model.parameters()).device.type == "cpu":
        # On a GPU gradients lie as their weights do, and looking at each of them would be felt.
        optimizer_class = with_dense_views(optimizer_class)  # type: ignore[arg-type]
    groups = parameter_groups(cfg, model)
    wrapped_class = with_frozen_layers(cfg, with_clipped_gradients(cfg, optimizer_class))
    optimizer = wrapped_class(groups, **arguments)
    if fused_adam:
        optimizer.register_load_state_dict_post_hook(lay_moments_as_weights)
    return optimizer, groups


def _fast_step(cfg: CfgNode, optimizer_class: type[torch.optim.Optimizer]) -> dict[str, Any]:
    accepted = inspect.signature(optimizer_class.__init__).parameters
    # A fused step lets the gradient scaler leave gradients scaled until the step itself, which is
    # too late for the clipping that fast-reid does before the step.
    if "fused" in accepted and not cfg.SOLVER.CLIP_GRADIENTS.ENABLED:
        return {"fused": True}
    return {"foreach": True} if "foreach" in accepted else {}


def apply() -> None:
    """Make fast-reid's trainers use `build_optimizer` of this module."""
    if not hasattr(fastreid.solver.build, "ContiguousParams"):
        return
    for module in (fastreid.solver.build, fastreid.solver, fastreid.engine.defaults):
        module.build_optimizer = build_optimizer
