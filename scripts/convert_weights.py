"""Convert weights of the authors' release into a checkpoint of this project, or back.

Prints the config overrides that the weights imply.
"""

import argparse
import sys

from mdpr.checkpoint.conversion import convert_file
from mdpr.errors import MDPRError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="weights to read (.pth or .safetensors)")
    parser.add_argument("target", help="file to write; its suffix chooses the format")
    parser.add_argument("--to-official", action="store_true", help="write the release's names")
    parser.add_argument(
        "--later-variant", action="store_true", help="... of its later variant (MDPREX)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite the target")
    arguments = parser.parse_args()
    try:
        overrides = convert_file(
            arguments.source,
            arguments.target,
            to_official=arguments.to_official,
            later_variant=arguments.later_variant,
            overwrite=arguments.force,
        )
    except (MDPRError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Wrote {arguments.target}. Use it with:")
    print("\n".join(f"    {key} {value}" for key, value in overrides.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
