"""Put a model into one file: weights ready for use, config, preprocessing, scores, licence, checksum."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.model_card import describe
from mdpr.inference.model_file import read_model_file
from mdpr.inference.packing import pack_run, pack_weights


def _pack(options: argparse.Namespace) -> int:
    about = {
        "licence": options.licence,
        "description": options.description,
        "overwrite": options.force,
    }
    if options.source.is_dir():
        pack_run(options.source, options.target, weights=options.weights, **about)
    else:
        pack_weights(options.source, options.target, options.config, options.settings, **about)
    say(f"Wrote {options.target}\n\n{describe(read_model_file(options.target))}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr pack", description=__doc__)
    parser.add_argument("source", type=Path, help="folder of a run, or a weight file (.pth, .safetensors)")
    parser.add_argument("target", type=Path, help="the model file to write (.safetensors)")
    parser.add_argument("--weights", type=Path, help="of a run: a checkpoint other than the last one")
    parser.add_argument("--config", type=Path, help="of a weight file: its config, where it implies none")
    parser.add_argument("--licence", help="of the weights, such as CC-BY-NC-4.0")
    parser.add_argument("--description", help="a sentence for the model card")
    parser.add_argument("--force", action="store_true", help="replace the target")
    parser.add_argument(
        "settings", metavar="KEY VALUE", nargs="*", help="of a weight file: config settings on top"
    )
    return parser


main = subcommand(_parser, _pack)
