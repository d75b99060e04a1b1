"""Trainings that are killed, or watched for long. Not installed with mdpr."""
