"""A network of a few numbers that trains as fast-reid's do, and loaders of given batches."""

import torch
from fastreid.utils.events import get_event_storage
from mdpr.engine.steps import TrainingStep
from mdpr.engine.steps.mixed_precision import Precision
from torch import nn

FLOAT32 = Precision(torch.float32)


class Toy(nn.Module):
    """Two loss terms of (B, 3) "images", and an accuracy in the log."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.heads = nn.Linear(4, 2)

    def forward(self, batch):
        hidden = self.backbone(batch["images"])
        get_event_storage().put_scalar("cls_accuracy", (hidden > 0).float().mean())
        return {"loss_a": self.heads(hidden).square().mean(), "loss_b": hidden[:, 0].abs().mean()}


def toy(seed=0):
    torch.manual_seed(seed)
    return Toy()


def batch(seed, size=8, bad=False):
    images = torch.randn(size, 3, generator=torch.Generator().manual_seed(seed))
    if bad:
        images[0, 0] = torch.nan
    return {"images": images, "img_paths": [f"{seed}_{i}.jpg" for i in range(size)]}


def step_of(model, batches, optimizer=None, **options) -> TrainingStep:
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    options.setdefault("precision", FLOAT32)
    step = TrainingStep(model, batches, optimizer, None, **options)
    step.iter = 0
    return step


def run(step, steps) -> None:
    for _ in range(steps):
        step.run_step()
        step.iter += 1
    step.settle()  # of one that settles late


def state(model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def differing(a, b) -> list[str]:
    return [name for name in a if not torch.equal(a[name], b[name])]
