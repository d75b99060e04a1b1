"""Weights in and out: official files, pretrained backbones, checkpoints of a run."""

from mdpr.checkpoint.official import convert_official_state_dict, to_official_state_dict
from mdpr.checkpoint.pretrained import load_pretrained_backbone
from mdpr.checkpoint.reading import read_checkpoint, state_dict_of

__all__ = [
    "convert_official_state_dict",
    "load_pretrained_backbone",
    "read_checkpoint",
    "state_dict_of",
    "to_official_state_dict",
]
