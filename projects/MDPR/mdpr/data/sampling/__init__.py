"""Which images a step trains on, as a function of the seed and the place in the run."""

from mdpr.data.sampling.batches import BatchSize, Draw, RepeatableBatches
from mdpr.data.sampling.build import SAMPLERS, build_batches

__all__ = ["SAMPLERS", "BatchSize", "Draw", "RepeatableBatches", "build_batches"]
