"""Score saved features: mAP, CMC and mINP of an .npz file, without a model."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mdpr.evaluation import RerankOptions, load_features, score_saved_features


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "file", type=Path, help="npz with features (N, D), person, camera and is_query (N,)"
    )
    parser.add_argument("--rerank", action="store_true", help="k-reciprocal re-ranking")
    parser.add_argument("--metric", choices=("cosine", "euclidean"), default="cosine")
    parser.add_argument("--json", type=Path, help="also write the scores to this file")
    return parser.parse_args(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        scores = score_saved_features(
            load_features(arguments.file),
            metric=arguments.metric,
            rerank=RerankOptions() if arguments.rerank else None,
        )
    except (OSError, TypeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, value in scores.items():
        print(f"{name:8}{value:7.2f} %")
    if arguments.json:
        arguments.json.write_text(json.dumps(scores, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
