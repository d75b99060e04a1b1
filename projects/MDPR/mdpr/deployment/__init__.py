"""The deployed form of a trained network: the same features, with less work."""

from mdpr.deployment.deploy import DeployedMDPR, deploy

__all__ = ["DeployedMDPR", "deploy"]
