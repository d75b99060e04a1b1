"""Weights in and out: official files, pretrained backbones, checkpoints of a run."""

from mdpr.checkpoint.official import convert_official_state_dict, to_official_state_dict
from mdpr.checkpoint.pretrained import load_pretrained_backbone
from mdpr.checkpoint.reading import read_checkpoint, state_dict_of
from mdpr.errors import CheckpointError

__all__ = [
    "CheckpointError",
    "convert_official_state_dict",
    "load_pretrained_backbone",
    "read_checkpoint",
    "state_dict_of",
    "to_official_state_dict",
]
