"""The sub-command ``phone-system`` of ``python -m services.sandbox`` and of ``rollcall sandbox``."""

import argparse
import json
import os
import sys

from services.sandbox.phone_system.options import PhoneSystemOptions
from services.sandbox.phone_system.server import listen, serve


def add_arguments(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command and its options."""
    defaults = PhoneSystemOptions()
    parser = subparsers.add_parser("phone-system", help="a stand-in for the API of a 3CX V20 phone system")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: a free one)")
    parser.add_argument("--extensions", type=int, default=0, help="extensions there from the start")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="milliseconds added to every answer")
    parser.add_argument(
        "--max-extensions", type=int, default=defaults.max_extensions, help="limit of the licence"
    )
    parser.add_argument("--client-id", default=defaults.client_id)
    parser.add_argument("--client-secret", default=defaults.client_secret)
    parser.add_argument("--role", default=defaults.role, help="role of the API client")
    parser.add_argument("--expires-in", type=int, default=defaults.expires_in, help="seconds a token lives")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve; prints one JSON line when ready, ends on SIGTERM."""
    options = PhoneSystemOptions(
        extensions=arguments.extensions,
        latency_ms=arguments.latency_ms,
        max_extensions=arguments.max_extensions,
        client_id=arguments.client_id,
        client_secret=arguments.client_secret,
        role=arguments.role,
        expires_in=arguments.expires_in,
    )
    try:
        listening = listen(arguments.host, arguments.port)
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        sys.stderr.write(
            f"{arguments.host}:{arguments.port} cannot be listened on ({reason}). Choose another port.\n"
        )
        return 2
    host, port = listening.getsockname()[:2]
    ready = {
        "base_url": f"http://{host}:{port}",
        "client_id": options.client_id,
        "client_secret": options.client_secret,
        "pid": os.getpid(),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    serve(options, listening)
    return 0
