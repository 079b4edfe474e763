"""``python -m services.sandbox phone-system|directory``: a stand-in served until SIGINT or SIGTERM."""

import argparse
import sys
from collections.abc import Sequence

from services.sandbox.directory import command as directory
from services.sandbox.phone_system import command as phone_system


def main(arguments: Sequence[str]) -> int:
    """Serve what the arguments say; the exit code (2 for wrong use)."""
    parser = argparse.ArgumentParser(prog="rollcall sandbox", description="Stand-ins for trying things out.")
    subparsers = parser.add_subparsers(required=True, metavar="WHICH")
    phone_system.add_arguments(subparsers)
    directory.add_arguments(subparsers)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
