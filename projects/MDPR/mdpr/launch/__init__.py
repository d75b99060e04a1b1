"""Start a run in as many processes as the command line or torchrun asks for, on torch's elastic launch."""

from mdpr.launch.command import argument_parser, launch

__all__ = ["argument_parser", "launch"]
