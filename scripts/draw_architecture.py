"""Draw the architecture of the method as docs/method.md shows it."""

import argparse
from pathlib import Path

from mdpr.engine.setup import make_config
from mdpr.visualization.architecture import ArchitectureNumbers, draw_architecture

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "docs/architecture.svg",
        help="picture to write, .svg or .png (default: docs/architecture.svg)",
    )
    arguments = parser.parse_args()
    cfg, _ = make_config(str(ROOT / "configs/Base-MDPR.yml"), [])
    draw_architecture(arguments.output, ArchitectureNumbers.from_config(cfg))
    print(f"Wrote {arguments.output}.")


if __name__ == "__main__":
    main()
