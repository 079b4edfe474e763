"""How the API is served: on which socket, by which address, with which certificate. Used by ``up``, ``api`` and ``demo``."""

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial

from services.api.web.addresses import trusted_proxies
from services.api.web.tls import ServerTls, TlsFiles, own_certificate, reachable_name
from shared.errors import AddressUnknown
from shared.process_settings import ProcessSettings
from shared.worker.context import Context

_SHUTDOWN_SECONDS = 5
# A tenth of the unit's WatchdogSec.
_SIGN_OF_LIFE_SECONDS = 6


def tls_files(settings: ProcessSettings, *, is_alone: bool) -> TlsFiles | None:
    """The certificate to serve with, ``None`` for plain HTTP.

    What serves alone (``rollcall up``) speaks to a network over TLS only: without a certificate it makes its own. Where
    a proxy on another host is trusted, that one ends TLS; one on this host needs no address that others reach.

    :raises SettingsInvalid: a trusted proxy is no address.
    """
    if settings.tls == "off":
        return None
    if settings.tls_certificate is not None:
        return TlsFiles(settings.tls_certificate, settings.tls_key or settings.tls_certificate)
    if (
        not is_alone
        or _is_loopback(settings.api_host)
        or not all(_is_loopback(proxy) for proxy in trusted_proxies(os.environ))
    ):
        return None
    return own_certificate(settings.data / "tls", settings.api_host, datetime.now(UTC))


def address_of(settings: ProcessSettings, port: int, tls: TlsFiles | None) -> str:
    """The address for a browser."""
    return f"{'http' if tls is None else 'https'}://{reachable_name(settings.api_host)}:{port}"


@contextmanager
def listening(settings: ProcessSettings, tls: TlsFiles | None = None) -> Iterator[tuple[socket.socket, str]]:
    """The API's socket and its address, bound before anything else is started.

    :raises AddressUnknown: the address cannot be listened on.
    """
    host, port = settings.api_host, settings.api_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AddressUnknown(
            f"The API cannot listen on {host}:{port} ({reason}). Choose another port with "
            "ROLLCALL_API_PORT (0 takes a free one), or with --port of `rollcall up` and `rollcall api`."
        ) from error
    # Handed on to every connection. asyncio sets it only on sockets whose protocol is named, and an answer in two
    # pieces would else wait some 40 ms for the client's delayed acknowledgement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock:
        yield sock, address_of(settings, sock.getsockname()[1], tls)


def serve(
    context: Context,
    sock: socket.socket,
    tls: TlsFiles | None = None,
    is_alive: Callable[[], bool] = lambda: True,
) -> None:
    """Serve the API on the socket until SIGINT or SIGTERM. systemd is told that it does, for as long as ``is_alive``.

    :raises SettingsInvalid: the certificate cannot be used.
    """
    # Only here: worker and beat serve nothing, and are there the sooner.
    import uvicorn

    from services.api.app import create_app
    from services.api.web.connections import server_config

    with ExitStack() as stack:
        kept = None if tls is None else stack.enter_context(ServerTls(tls))
        config = server_config(
            create_app(context),
            trusted_proxies(os.environ),
            None if kept is None else kept.context,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            callback_notify=partial(_tell_systemd, is_alive),
            timeout_notify=_SIGN_OF_LIFE_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[sock])


async def _tell_systemd(is_alive: Callable[[], bool]) -> None:
    """One sign of life (sd_notify(3)), from the loop that serves: what hangs sends none, and systemd starts it again."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place or not is_alive():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        # An abstract socket's name is written with @ in front.
        sock.connect(f"\0{place[1:]}" if place.startswith("@") else place)
        sock.send(b"READY=1\nWATCHDOG=1")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_network(host, strict=False).is_loopback
    except ValueError:
        return host == "localhost"
