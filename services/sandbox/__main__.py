"""``python -m services.sandbox phone-system|directory`` serve a stand-in until SIGINT or SIGTERM; ``relay-data`` makes one."""

import argparse
import sys
from collections.abc import Sequence

from services.sandbox.directory import command as directory
from services.sandbox.phone_system import command as phone_system
from services.sandbox.relay_data import command as relay_data


def main(arguments: Sequence[str]) -> int:
    """Serve what the arguments say; the exit code (2 for wrong use)."""
    parser = argparse.ArgumentParser(prog="rollcall sandbox", description="Stand-ins for trying things out.")
    subparsers = parser.add_subparsers(required=True, metavar="WHICH")
    phone_system.add_arguments(subparsers)
    directory.add_arguments(subparsers)
    relay_data.add_arguments(subparsers)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
