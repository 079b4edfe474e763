"""The sub-command ``relay-data``: makes the folder tree and the tables of a made-up phone system, and ends."""

import argparse
import json
import sys
from pathlib import Path

from services.sandbox.arguments import whole

_MOST = 1_000_000


def add_arguments(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command; its ``run`` is the default named ``run``."""
    parser = subparsers.add_parser("relay-data", help="audio files and tables like those of a 3CX host")
    parser.add_argument("--folder", type=Path, required=True, help="folder to make, in place of Instance1")
    parser.add_argument("--database", required=True, help="connection string of an empty PostgreSQL database")
    parser.add_argument("--extensions", type=whole(1, _MOST), default=3, help="how many have something")
    parser.add_argument("--first-number", type=whole(1, _MOST), default=201, help="number of the first")
    parser.add_argument("--archive-number", type=whole(1, _MOST), default=900, help="number of the archive")
    parser.add_argument("--voicemails", type=whole(0, _MOST), default=20, help="of each extension")
    parser.add_argument("--recordings", type=whole(0, _MOST), default=20, help="of each extension")
    parser.add_argument("--largest-file", type=whole(101, 2**31), default=24_000, help="bytes of audio")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other data")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make it; prints one JSON line about it. 2 for wrong use, with a sentence."""
    # Imported here: no other stand-in needs a database driver.
    import psycopg

    from services.sandbox.relay_data.build import Mailbox, build

    numbers = [str(options.first_number + index) for index in range(options.extensions)]
    mailboxes = [
        Mailbox(number, f"Anna{index}", f"Berg{index}", options.voicemails, options.recordings)
        for index, number in enumerate(numbers)
    ]
    archive = Mailbox(str(options.archive_number), "Archive", "")
    try:
        build(options.folder, options.database, [*mailboxes, archive], options.seed, options.largest_file)
    except (OSError, psycopg.Error) as error:
        reason = " ".join(str(error).split())
        sys.stderr.write(f"Nothing usable was made ({reason}). Name a new folder and an empty database.\n")
        return 2
    line = {"folder": str(options.folder), "extensions": numbers, "archive": archive.number}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0
