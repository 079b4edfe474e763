"""What the commands of both stand-ins share: options that are whole numbers, and a port that cannot be had."""

import argparse
import os
import socket
from collections.abc import Callable

HIGHEST_PORT = 65_535


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from ``lowest`` to ``highest``."""

    def _whole(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = lowest - 1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {lowest} to {highest}")
        return number

    return _whole


def cannot_listen(host: str, port: int, error: OSError) -> str:
    """Why nothing can be served there, and what to do, in one line."""
    is_named = isinstance(error, socket.gaierror) or not error.errno
    reason = error.strerror if is_named else os.strerror(error.errno or 0)
    return f"{host}:{port} cannot be listened on ({reason}). Choose another --port or --host.\n"
