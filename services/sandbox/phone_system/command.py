"""The sub-command ``phone-system`` of ``python -m services.sandbox`` and of ``rollcall sandbox``."""

import argparse
import json
import os
import sys

from services.sandbox.arguments import HIGHEST_PORT, cannot_listen, whole
from services.sandbox.phone_system.options import CLIENT_ROLES, PhoneSystemOptions
from services.sandbox.phone_system.releases import VERSIONS
from services.sandbox.phone_system.running import listen, serve

_MOST_EXTENSIONS = 1_000_000
_LONGEST = 86_400_000


def add_arguments(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command and its options; its ``run`` is the default named ``run``."""
    defaults = PhoneSystemOptions()
    count, number = whole(0, _MOST_EXTENSIONS), whole(1, 10 * _MOST_EXTENSIONS)
    parser = subparsers.add_parser("phone-system", help="a stand-in for the API of a 3CX V20 phone system")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=whole(0, HIGHEST_PORT), default=0, help="port (default: a free one)")
    parser.add_argument(
        "--version", default=defaults.release, choices=VERSIONS, help="release of 3CX whose fields it has"
    )
    parser.add_argument("--extensions", type=count, default=0, help="extensions there from the start")
    parser.add_argument(
        "--first-number", type=number, default=defaults.first_number, help="number of the first"
    )
    parser.add_argument("--last-number", type=number, help="end of the range that numbers are generated from")
    parser.add_argument(
        "--latency-ms", type=whole(0, _LONGEST), default=0, help="milliseconds added to every answer"
    )
    parser.add_argument(
        "--max-extensions", type=count, default=defaults.max_extensions, help="limit of the licence"
    )
    parser.add_argument("--client-id", default=defaults.client_id, help="id of the API client")
    parser.add_argument("--client-secret", default=defaults.client_secret, help="its secret")
    parser.add_argument("--role", default=defaults.role, choices=CLIENT_ROLES, help="role of the API client")
    parser.add_argument(
        "--expires-in", type=whole(0, _LONGEST), default=defaults.expires_in, help="seconds a token lives"
    )
    parser.add_argument(
        "--one-token-for-all", action="store_true", help="a token of one API client ends those of the others"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve; prints one JSON line when ready, ends on SIGTERM or SIGINT. 2 for wrong use, with a sentence."""
    if arguments.extensions > arguments.max_extensions:
        sys.stderr.write(
            f"The licence allows {arguments.max_extensions} extensions. Lower --extensions or raise --max-extensions.\n"
        )
        return 2
    options = PhoneSystemOptions(
        release=arguments.version,
        extensions=arguments.extensions,
        first_number=arguments.first_number,
        last_number=arguments.last_number,
        latency_ms=arguments.latency_ms,
        max_extensions=arguments.max_extensions,
        client_id=arguments.client_id,
        client_secret=arguments.client_secret,
        role=arguments.role,
        expires_in=arguments.expires_in,
        is_token_per_client=not arguments.one_token_for_all,
    )
    try:
        listening = listen(arguments.host, arguments.port)
    except OSError as error:
        sys.stderr.write(cannot_listen(arguments.host, arguments.port, error))
        return 2
    host, port = listening.getsockname()[:2]

    def _say_where() -> None:
        ready = {
            "base_url": f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}",
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            "pid": os.getpid(),
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()

    serve(options, listening, _say_where)
    return 0
