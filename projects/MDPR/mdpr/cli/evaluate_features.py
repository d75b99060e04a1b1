"""Score saved features: mAP, CMC and mINP of an .npz file, without a network."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.evaluation import (
    DISTANCE_METRICS,
    PROTOCOLS,
    RankingOptions,
    RerankOptions,
    evaluate_file,
)


def _evaluate(options: argparse.Namespace) -> int:
    scores = evaluate_file(
        options.file,
        metric=options.metric,
        rerank=RerankOptions(options.k1, options.k2, options.weight) if options.rerank else None,
        options=RankingOptions(protocol=options.protocol),
        json_file=options.json,
    )
    say("\n".join(f"{name:8}{value:7.2f} %" for name, value in scores.items()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr evaluate-features", description=__doc__)
    parser.add_argument("file", type=Path, help="npz with features (N, D), person, camera and is_query (N,)")
    parser.add_argument("--rerank", action="store_true", help="k-reciprocal re-ranking")
    defaults = RerankOptions()
    parser.add_argument("--k1", type=int, default=defaults.k1, help="of re-ranking")
    parser.add_argument("--k2", type=int, default=defaults.k2, help="of re-ranking")
    parser.add_argument(
        "--lambda",
        type=float,
        default=defaults.original_weight,
        dest="weight",
        help="of re-ranking",
    )
    parser.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[0])
    parser.add_argument("--metric", choices=DISTANCE_METRICS, default=DISTANCE_METRICS[0])
    parser.add_argument("--json", type=Path, help="also write the scores to this file")
    return parser


main = subcommand(_parser, _evaluate, also=(TypeError, ValueError))
