"""What a trained network is good for: embeddings of images, decisions about them, files that carry both."""

from mdpr.deployment import DeployedMDPR, deploy

__all__ = ["DeployedMDPR", "deploy"]
