"""Commands that serve until they are stopped: everything in one process, or one service each."""

import multiprocessing
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Annotated

import structlog
import typer

from services.api.web.tls import TlsFiles, fingerprint
from services.cli.deployment import embedded, import_tasks, open_deployment
from services.cli.options import deployment_of, settings_of
from services.cli.output import say
from services.cli.serving import listening, serve, tls_files
from shared.distribution import install_with
from shared.errors import SettingsInvalid
from shared.private_files import private_folder
from shared.process_settings import ProcessSettings
from shared.worker import alive
from shared.worker.app import create_app as create_celery_app
from shared.worker.queues import Queue, served_by

log = structlog.get_logger(__name__)

_Host = Annotated[
    str | None, typer.Option("--host", help="Address to listen on (ROLLCALL_API_HOST).", show_default=False)
]
_Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="Port to listen on; 0 takes a free one (ROLLCALL_API_PORT).",
        show_default=False,
    ),
]
_Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of the embedded mode (ROLLCALL_DATA).", show_default=False),
]

_Certificate = Annotated[
    Path | None,
    typer.Option(
        "--tls-certificate",
        help="Serve HTTPS with this certificate, PEM with its chain (ROLLCALL_TLS_CERTIFICATE).",
        show_default=False,
    ),
]
_Key = Annotated[
    Path | None,
    typer.Option(
        "--tls-key",
        help="Key of the certificate, PEM without a password (ROLLCALL_TLS_KEY).",
        show_default=False,
    ),
]


def up(
    command: typer.Context,
    host: _Host = None,
    port: _Port = None,
    data: _Data = None,
    tls_certificate: _Certificate = None,
    tls_key: _Key = None,
) -> None:
    """Run everything in this one process: API, workers and schedules."""
    from services.cli.console_commands import invitation

    _override(
        command, api_host=host, api_port=port, data=data, tls_certificate=tls_certificate, tls_key=tls_key
    )
    context = deployment_of(command)
    tls = tls_files(context.settings, is_alone=True)
    with (
        listening(context.settings, tls) as (sock, address),
        ended_by_signal(),
        embedded(context) as is_alive,
    ):
        say(
            f"Rollcall serves {address} (console: {address}/console, API: {address}/api/v1).\n"
            f"Data folder: {context.settings.data.absolute()}. Create a token with `rollcall token create "
            "NAME`. "
            f"Ctrl+C stops it.{_own_certificate(context.settings, tls)}{invitation(context, address)}"
        )
        serve(context, sock, tls, is_alive)
    say("Stopped.")


def api(
    command: typer.Context,
    host: _Host = None,
    port: _Port = None,
    tls_certificate: _Certificate = None,
    tls_key: _Key = None,
) -> None:
    """Run the API alone; workers and beat run elsewhere on the same broker and database."""
    _override(command, api_host=host, api_port=port, tls_certificate=tls_certificate, tls_key=tls_key)
    context = deployment_of(command)
    tls = tls_files(context.settings, is_alone=False)
    with listening(context.settings, tls) as (sock, address), ended_by_signal():
        _announce(context.settings, "api_serves", f"The API serves {address}.", address=address)
        serve(context, sock, tls)


def worker(
    command: typer.Context,
    queues: Annotated[
        list[Queue] | None,
        typer.Option("--queue", help="Queue to work on (may be repeated). All by default."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Tasks at once; ROLLCALL_WORKER_THREADS by default.")
    ] = None,
) -> None:
    """Run a Celery worker (a real broker is needed)."""
    settings = _shared_broker(command, "worker")
    open_deployment(settings).database.close()
    import_tasks()
    _leave_no_temporary_folder()
    served = queues or list(Queue)
    # Not app.worker_main, which loses the exit code: a supervisor must see that a worker ended with an error.
    name = "-".join(queue.value for queue in served)
    program = create_celery_app(settings, name).Worker(
        # Several on one host must not share a name: each answers to its own.
        hostname=f"{name}-{os.getpid()}@{socket.gethostname()}",
        queues=[queue.value for queue in served_by(served)],
        # The banner is for people.
        quiet=settings.log_format == "json",
        concurrency=concurrency or settings.worker_threads,
        loglevel=settings.log_level,
        without_gossip=True,
        without_mingle=True,
    )
    if settings.alive_file:
        alive.show_of_worker(settings.alive_file)
    program.start()
    if program.exitcode:
        raise typer.Exit(program.exitcode)


def beat(command: typer.Context) -> None:
    """Run Celery beat, which starts what schedules say is due: exactly one per deployment."""
    from shared.worker.beat import BeatProgram

    settings = _shared_broker(command, "beat")
    with ended_by_signal():
        open_deployment(settings).database.close()
        _announce(settings, "beat_began", "Beat publishes what is due.")
        BeatProgram(
            create_celery_app(settings, "beat"), alive_file=settings.alive_file, log_level=settings.log_level
        ).run()


def watch(command: typer.Context) -> None:
    """Watch the directories of sites with live changes; a second one takes over when the first ends."""
    from services.collector.watching.watcher import Watcher

    settings = _shared_broker(command, "watch")
    context = open_deployment(settings)
    with _set_by_signal() as ended:
        _announce(settings, "watch_began", "Directories are watched.")
        file = settings.alive_file
        Watcher(context, ended, alive=file.touch if file else lambda: None).run()
    context.database.close()


def flower(command: typer.Context) -> None:
    """Run Flower, which shows workers and tasks in a browser (read-only, with a sign-in of its own)."""
    settings = _shared_broker(command, "flower")
    sign_in = settings.flower_sign_in.get_secret_value() if settings.flower_sign_in else ""
    if not all(sign_in.partition(":")):
        raise SettingsInvalid(
            "Flower shows what every worker does, so it needs a sign-in: set ROLLCALL_FLOWER_SIGN_IN to "
            "NAME:PASSWORD "
            "(or ROLLCALL_FLOWER_SIGN_IN_FILE to a file that holds it)."
        )
    if find_spec("flower") is None:
        raise SettingsInvalid(
            f"Flower is not installed. Install Rollcall with it: {install_with('monitoring')}."
        )
    # Not as arguments, which anybody on the host may read. Its cookies last as long as the process.
    os.environ |= {"FLOWER_BASIC_AUTH": sign_in, "FLOWER_COOKIE_SECRET": secrets.token_urlsafe(48)}
    private_folder(settings.data)
    _ask_for_the_sign_in_everywhere()
    app = create_celery_app(settings, "flower")
    import_tasks()
    app.set_default()
    address = f"http://{settings.flower_host}:{settings.flower_port}/{settings.flower_path}"
    _announce(settings, "flower_serves", f"Flower serves {address}.", address=address)
    app.start(
        [
            "--quiet",
            "flower",
            f"--address={settings.flower_host}",
            f"--port={settings.flower_port}",
            f"--url_prefix={settings.flower_path}",
            f"--db={settings.data / 'flower.db'}",
            "--persistent=True",
            "--state_save_interval=60000",
            "--max_tasks=10000",
            "--purge_offline_workers=3600",
            "--read_only=True",
            "--xheaders=True",
        ]
    )


def _own_certificate(settings: ProcessSettings, tls: TlsFiles | None) -> str:
    if tls is None or settings.tls_certificate is not None:
        return ""
    return (
        "\nThe certificate is Rollcall's own, so browsers warn once. Compare its SHA-256 fingerprint before you go on:\n"
        f"  {fingerprint(tls.certificate)}\n"
        "Your own certificate: --tls-certificate and --tls-key. A proxy with TLS before Rollcall: ROLLCALL_TLS=off."
    )


def _override(command: typer.Context, **given: object) -> None:
    """Let options of the command win over the environment."""
    wanted = {name: value for name, value in given.items() if value is not None}
    command.obj = settings_of(command).model_copy(update=wanted)


def _ask_for_the_sign_in_everywhere() -> None:
    """Flower answers for its metrics, which name every worker and task, without asking who reads them."""
    from flower.views.monitor import Metrics  # type: ignore[import-untyped]
    from tornado.web import authenticated

    Metrics.get = authenticated(Metrics.get)


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block in order, so that every ``with`` around it is left."""

    def _end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, _end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.flush()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _set_by_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: whatever is in hand comes to its end."""
    ended = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in numbers}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_no_temporary_folder() -> None:
    """Let Celery's pool map its shared memory from files right in the temporary folder, which it unlinks at once.

    Else it makes a folder of its own there that is removed only at an orderly end: every killed worker would leave one.
    """
    config: dict[str, object] = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    config["tempdir"] = tempfile.gettempdir()


def _announce(settings: ProcessSettings, event: str, sentence: str, **fields: str) -> None:
    """Say that a service begins: to people in a sentence, to programs as a line like the others."""
    if settings.log_format == "json":
        log.info(event, **fields)
    else:
        say(sentence)


def _shared_broker(command: typer.Context, process: str) -> ProcessSettings:
    settings = settings_of(command)
    if settings.is_embedded:
        raise SettingsInvalid(
            f"`rollcall {process}` needs a broker that other processes reach: set ROLLCALL_BROKER_URL, for "
            "example "
            "redis://localhost:6379/0. Without one, `rollcall up` runs everything in one process."
        )
    return settings
