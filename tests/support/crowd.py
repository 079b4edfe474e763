"""Very many requests at once from one address, as bytes: cheaper than a client of HTTP, and as rude as one likes."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

_ANSWER_SECONDS = 60


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """The bytes of a request; its connection ends with the answer."""
    lines = [f"{method} {path} HTTP/1.1", "Host: rollcall", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def ask(address: str, sent: bytes, source: str) -> int:
    """The status of the answer; 0 when the connection was closed without one."""
    place = urlsplit(address)
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(place.hostname, place.port, local_addr=(source, 0))
        try:
            with suppress(OSError):
                writer.write(sent)
                await writer.drain()
            async with asyncio.timeout(_ANSWER_SECONDS):
                line = await reader.readline()
                while await reader.read(65_536):
                    pass
            return int(line.split()[1]) if line else 0
        finally:
            writer.close()
    return 0


async def crowd(address: str, sent: bytes, source: str, many: int = 300) -> Counter[int]:
    """How often each status was the answer."""
    return Counter(await asyncio.gather(*(ask(address, sent, source) for _ in range(many))))


def forget_peak() -> int:
    """Let the highest memory of this process be counted from now on; how much it has now, in KiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def peak() -> int:
    """The highest memory since ``forget_peak``, in KiB."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
