"""``rollcall-relay``: the relay's program on the phone system's host.

``serve`` is what the service manager starts; the others are for an administrator at the host.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rollcall_relay import VERSION
from rollcall_relay.errors import RelayError
from rollcall_relay.operations import Operations
from rollcall_relay.quiet import Quiet
from rollcall_relay.settings import DEFAULT_FILE, Settings, load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed with a sentence, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="rollcall-relay", description=__doc__)
    parser.add_argument(
        "--settings", type=Path, default=DEFAULT_FILE, help=f"TOML file (default {DEFAULT_FILE})"
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(
        commands,
        "serve",
        _serve,
        "serve until stopped; prints the public key, and a pairing code until paired",
    )
    _add(commands, "test", _test, "say what was found on this host; changes nothing")
    _add(
        commands,
        "pair",
        _pair,
        "print the public key and a new pairing code; the next pairing replaces the last",
    )
    _add(commands, "backups", _backups, "list the backups in the archive store")
    operate = _add(commands, "operate", _operate, "do one operation by hand, with the service stopped")
    operate.add_argument(
        "id", help="id of the operation; asked for again, it goes on or gives the first answer"
    )
    operate.add_argument("request", help='as in the protocol: {"kind": "inventory", "number": "104"}')
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(Quiet())
    try:
        code: int = options.run(load_settings(options.settings), options)
    except RelayError as error:
        sys.stderr.write(f"{error.message} [{error.code}]\n")
        return 1
    return code


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[Settings, argparse.Namespace], int],
    explanation: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=explanation, description=explanation)
    parser.set_defaults(run=run)
    return parser


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    from rollcall_relay.serving import serve

    serve(settings)
    return 0


def _test(settings: Settings, _: argparse.Namespace) -> int:
    from rollcall_relay.self_test import self_test

    result = self_test(settings)
    _print(result)
    return 0 if result["usable"] else 1


def _pair(settings: Settings, _: argparse.Namespace) -> int:
    from rollcall_relay.keys import own_key
    from rollcall_relay.pairing import Pairing

    folder = Path(settings.state_folder)
    sys.stdout.write(
        f"Public key: {own_key(folder).public_key}\nPairing code: {Pairing(folder).new_code()}\n"
    )
    return 0


def _backups(settings: Settings, _: argparse.Namespace) -> int:
    with Operations(settings) as operations:
        _print(operations.backups())
    return 0


def _operate(settings: Settings, options: argparse.Namespace) -> int:
    try:
        document = json.loads(options.request)
    except ValueError:
        sys.stderr.write("The request is not JSON.\n")
        return 2
    with Operations(settings) as operations:
        operations.accept(options.id, document)
        answer = operations.run(options.id)
    _print(answer)
    return 0 if answer["state"] == "done" else 1


def _print(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
