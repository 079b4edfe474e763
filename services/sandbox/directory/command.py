"""The ``directory`` sub-command of ``python -m services.sandbox``: serves a made-up company until it is stopped."""

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from types import FrameType

from services.sandbox.arguments import HIGHEST_PORT, cannot_listen, whole
from services.sandbox.directory.company import build_company
from services.sandbox.directory.running import RunningDirectory

_MOST_PEOPLE = 1_000_000


def add_arguments(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command; its ``run`` is the default named ``run``."""
    parser = subparsers.add_parser("directory", help="serve a made-up Active Directory domain over LDAP")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=whole(0, HIGHEST_PORT), default=0, help="port (default: a free one)")
    parser.add_argument(
        "--people", type=whole(0, _MOST_PEOPLE), default=200, help="how many people the company has"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed makes another company")
    parser.add_argument(
        "--plain", action="store_true", help="serve ldap:// instead of ldaps://, plain binds allowed"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; one JSON line on standard output says when and how it can be reached."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    company = build_company(args.people, args.seed)
    running = RunningDirectory(company, args.port, tls=not args.plain, allow_plain=args.plain, host=args.host)
    try:
        running.start()
    except OSError as error:
        sys.stderr.write(cannot_listen(args.host, args.port, error))
        return 2
    line = {
        "url": running.url,
        "tls_name": running.tls_name,
        "ca_certificate": running.ca_certificate,
        "base_dn": running.base_dn,
        "user": running.user,
        "password": running.password,
        "units": running.units,
        "people": args.people,
        "oddities": asdict(company.oddities),
        "pid": os.getpid(),
    }
    try:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        while True:
            signal.pause()
    finally:
        running.stop()


def _end(_number: int, _frame: FrameType | None) -> None:
    """Being told to end is an ordinary end."""
    raise SystemExit(0)
