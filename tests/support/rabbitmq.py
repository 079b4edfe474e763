"""A throw-away RabbitMQ on free loopback ports, with an Erlang port mapper of its own."""

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import amqp  # type: ignore[import-untyped]

from tests.support.ports import free_port
from tests.support.tools import require
from tests.support.waiting import wait_until

# Debian's programs in PATH are wrappers that change to the user rabbitmq and the machine's own node.
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_SECONDS = 60
_USER, _PASSWORD = "rollcall", "rabbit-password"


class RabbitServer:
    """One node whose data outlives ``stop`` and ``start``, as a broker's does."""

    def __init__(self, folder: Path) -> None:
        require(("rabbitmq-server", "epmd"), "rabbitmq-server")
        self.port = free_port()
        self._folder = folder
        self._mapper_port, distribution_port = free_port(), free_port()
        # HOME holds the cookie; the host part must be one that resolves without a network.
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_NODENAME": f"rollcall{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "no-such-file"),
            # Two schedulers are plenty, and the node starts sooner.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }
        (folder / "plugins").write_text("[].\n", encoding="ascii")
        (folder / "rabbitmq.conf").write_text(
            "definitions.import_backend = local_filesystem\n"
            f"definitions.local.path = {folder}/definitions.json\nlog.file.level = warning\n"
            # A test machine may be short of disk; the alarm would stop every publisher.
            "disk_free_limit.absolute = 1MB\n",
            encoding="ascii",
        )
        (folder / "definitions.json").write_text(
            json.dumps(_with_tester(folder / "secrets")), encoding="utf-8"
        )
        self._mapper: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker address for Celery."""
        return f"amqp://{_USER}:{_PASSWORD}@127.0.0.1:{self.port}//"

    def url_of(self, service: str) -> str:
        """The address for a service as its own user."""
        secret = self._folder / "secrets" / f"broker_url_{service}"
        return secret.read_text(encoding="utf-8").replace("@127.0.0.1/", f"@127.0.0.1:{self.port}/")

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._node is not None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the node take connections, by its kernel, and say nothing; whoever stops it meanwhile ends that too."""
        assert self._node is not None
        group = self._node.pid
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGCONT)

    def start(self) -> None:
        """Serve; returns when clients can sign in."""
        if self._mapper is None:
            # In the foreground: else the node starts one that outlives it.
            epmd = require(("epmd",), "rabbitmq-server")["epmd"]
            self._mapper = self._spawn([epmd, "-address", "127.0.0.1", "-port", str(self._mapper_port)])
            wait_until("the port mapper", lambda: _listens(self._mapper_port), _START_SECONDS)
        self._node = self._spawn([str(_PROGRAM)])
        wait_until(f"RabbitMQ in {self._folder}", self._answers, _START_SECONDS)

    def stop(self) -> None:
        """Cut all connections and end the node, as a crash does."""
        if self._node is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._node.pid, signal.SIGKILL)
            self._node.wait()
            self._node = None

    def shut_down(self) -> None:
        """End the node in order."""
        if self._node is not None:
            self._node.terminate()
            self._node.wait(_START_SECONDS)
            self._node = None

    def close(self) -> None:
        """End everything."""
        self.stop()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()
            self._mapper = None

    @contextmanager
    def connection(self) -> Iterator[amqp.Connection]:
        """A connection of the test itself."""
        with amqp.Connection(
            f"127.0.0.1:{self.port}", userid=_USER, password=_PASSWORD, connect_timeout=5
        ) as connection:
            yield connection

    def empty(self) -> None:
        """Make the queues anew, as the definitions have them."""
        made = json.loads((self._folder / "definitions.json").read_text(encoding="utf-8"))
        with self.connection() as connection:
            channel = connection.channel()
            for queue in made["queues"]:
                channel.queue_delete(queue["name"])
                channel.queue_declare(
                    queue["name"], durable=True, auto_delete=False, arguments=queue["arguments"]
                )
            for binding in made["bindings"]:
                channel.queue_bind(binding["destination"], binding["source"], binding["routing_key"])

    def _answers(self) -> bool:
        assert self._node is not None
        assert self._node.poll() is None, (self._folder / "node.out").read_text(errors="replace")
        try:
            with self.connection():
                return True
        except (OSError, amqp.AMQPError):
            return False

    def _spawn(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with (self._folder / "node.out").open("ab") as output:
            return subprocess.Popen(
                command, env=self._environment, cwd=self._folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip


def _with_tester(secrets: Path) -> dict[str, Any]:
    """The users of deploy/, and one who may do everything."""
    script = Path(__file__).parents[2] / "deploy/secrets.sh"
    subprocess.run(
        ["sh", str(script), str(secrets), "rabbitmq", "127.0.0.1"], check=True, capture_output=True
    )
    made: dict[str, Any] = json.loads((secrets / "rabbitmq_definitions").read_text(encoding="utf-8"))
    made["users"].append({"name": _USER, "password": _PASSWORD, "tags": ["administrator"]})
    made["permissions"].append({"user": _USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"})
    return made


@contextmanager
def rabbit_server() -> Iterator[RabbitServer]:
    """A running node, gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="rollcall-rabbit-", ignore_cleanup_errors=True)
        )
        server = RabbitServer(Path(folder))
        stack.callback(server.close)
        server.start()
        yield server


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
