"""From a trained model to features, fast: the deployed form of a network."""

from mdpr.inference.deploy import DeployedMDPR, deploy

__all__ = ["DeployedMDPR", "deploy"]
