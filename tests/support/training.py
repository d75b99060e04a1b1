"""What ``train_net.py`` does, in this process."""

from mdpr.engine.run import train_or_evaluate
from mdpr.engine.setup import make_config
from mdpr.launch import argument_parser, launch


def run_here(*arguments: object) -> None:
    """Train or evaluate as ``train_net.py ARGUMENTS`` does, in one process: this one."""
    args = argument_parser().parse_args([str(argument) for argument in arguments])
    launch(train_or_evaluate, args, *make_config(args.config_file, args.opts))
