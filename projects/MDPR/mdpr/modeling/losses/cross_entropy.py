"""Label-smoothed cross-entropy as fast-reid computes it, without its wait for the GPU."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mdpr.modeling.precision import at_least_float32


def smoothed_cross_entropy(logits: Tensor, targets: Tensor, epsilon: float, alpha: float) -> Tensor:
    """fast-reid's ``cross_entropy_loss``: ``1 - epsilon`` on the true class, ``epsilon / (K - 1)`` on
    each other one, averaged over the images whose loss is not zero.

    fast-reid counts those images on the host, which stalls a GPU once per head and step; here the
    count stays on the device.

    Args:
        logits: (B, K) class scores.
        targets: (B,) class indices in 0..K-1.
        epsilon: smoothing in 0..1; negative means adaptive: ``alpha`` times the probability of the
            true class.
        alpha: strength of adaptive smoothing; read only where ``epsilon`` is negative.

    Returns:
        Scalar >= 0, float32.
    """
    logits = at_least_float32(logits)
    log_probabilities = F.log_softmax(logits, dim=1)
    own = targets.unsqueeze(1)
    with torch.no_grad():
        smoothing = (
            log_probabilities.exp().gather(1, own) * alpha
            if epsilon < 0
            else torch.full_like(log_probabilities[:, :1], epsilon)
        )
        weights = (smoothing / (logits.shape[1] - 1)).expand_as(logits)
        weights = weights.scatter(1, own, 1 - smoothing)
    per_image = -(weights * log_probabilities).sum(dim=1)
    return per_image.sum() / (per_image.detach() != 0).sum().clamp(min=1)
