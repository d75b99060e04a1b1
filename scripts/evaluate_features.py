"""Score saved features: mAP, CMC and mINP of an .npz file, without a model."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mdpr.evaluation import (
    DISTANCE_METRICS,
    PROTOCOLS,
    RankingOptions,
    RerankOptions,
    evaluate_file,
)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "file", type=Path, help="npz with features (N, D), person, camera and is_query (N,)"
    )
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
    return parser.parse_args(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        scores = evaluate_file(
            arguments.file,
            metric=arguments.metric,
            rerank=RerankOptions(arguments.k1, arguments.k2, arguments.weight)
            if arguments.rerank
            else None,
            options=RankingOptions(protocol=arguments.protocol),
            json_file=arguments.json,
        )
    except (OSError, TypeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, value in scores.items():
        print(f"{name:8}{value:7.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
