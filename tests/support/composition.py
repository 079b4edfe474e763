"""Starts the services of deploy/compose.yaml as processes of this host: their commands, environment and health checks.

What a container gives them is put in the place of: names of hosts become loopback ports, paths become a folder.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from redis import Redis

from tests.support import forked
from tests.support.forked import Process
from tests.support.ports import free_port
from tests.support.postgresql import PostgresServer
from tests.support.redis import RedisServer

DEPLOY = Path(__file__).parents[2] / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def compose_file() -> dict[str, Any]:
    """deploy/compose.yaml as Docker reads it when nothing is set: merged, with the defaults of its variables."""
    text = _VARIABLE.sub(lambda match: match[2], (DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def of_rollcall(composition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that run Rollcall's image."""
    image = composition["x-rollcall"]["image"]
    return {name: service for name, service in composition["services"].items() if service["image"] == image}


def let_in(server: RedisServer, users: str) -> None:
    """The users of the file, as ``--aclfile`` has them, and ``tester``, who may do everything."""
    with Redis(port=server.port) as client:
        client.execute_command("ACL", "SETUSER", "tester", "on", ">tester", "+@all", "~*", "&*")
        # The one that restricts this connection comes last.
        for line in users.splitlines()[::-1]:
            _, name, *rules = line.split()
            client.execute_command("ACL", "SETUSER", name, "reset", *rules)


class Composition:
    """The services of Rollcall on a PostgreSQL and a Redis; started one by one, stopped together."""

    def __init__(self, folder: Path, postgresql: PostgresServer, redis: RedisServer, **extra: str) -> None:
        self.folder = folder
        self.services = of_rollcall(compose_file())
        self.api_port, self.flower_port = free_port(), free_port()
        self.processes: dict[str, Process] = {}
        self._redis = redis
        self._extra = extra
        self._places = {
            "/data": str(folder / "data"),
            "/tmp/alive": f"{folder}/alive",
            "@postgresql": f"@127.0.0.1:{postgresql.port}",
            "redis:6379": f"127.0.0.1:{redis.port}",
            "0.0.0.0": "127.0.0.1",
            "5555": str(self.flower_port),
            "8800": str(self.api_port),
        }
        (folder / "data").mkdir()
        subprocess.run(
            ["sh", str(DEPLOY / "secrets.sh"), str(folder / "secrets")], check=True, capture_output=True
        )
        let_in(redis, (folder / "secrets/redis_users").read_text(encoding="utf-8"))
        for service, has in self.services.items():
            given = folder / "run" / service
            given.mkdir(parents=True)
            for secret in has["secrets"]:
                source, target = (secret, secret) if isinstance(secret, str) else secret.values()
                (given / target).write_text(self._local(self.secret(source), service), encoding="utf-8")

    def denied(self) -> list[tuple[str, str, str]]:
        """What Redis did not let its users do: who, what, with which key."""
        with Redis(port=self._redis.port, username="tester", password="tester") as client:
            return [(entry["username"], entry["reason"], entry["object"]) for entry in client.acl_log()]

    def secret(self, name: str) -> str:
        """What a secret file holds."""
        return (self.folder / "secrets" / name).read_text(encoding="utf-8").strip()

    def run(self, service: str, *command: str) -> str:
        """Run another command in the service's place, as ``docker compose run`` does; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", *command], env=self.environment(service),
            cwd=self.folder / "data", capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, service: str) -> Process:
        """The service's own command."""
        process = forked.start(
            self.services[service]["command"],
            self.environment(service),
            self.log(service),
            self.folder / "data",
        )
        self.processes[service] = process
        return process

    def stop(self) -> dict[str, int]:
        """SIGTERM to each, as ``docker compose stop`` does; the exit codes."""
        running = {name: process for name, process in self.processes.items() if process.poll() is None}
        for process in running.values():
            process.terminate()
        codes = {name: process.wait(60) for name, process in running.items()}
        self.processes.clear()
        return codes

    def kill(self) -> None:
        """End whatever is left."""
        for process in self.processes.values():
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def is_healthy(self, service: str) -> bool:
        """What the service's health check says."""
        kind, *test = [self._local(part, service) for part in self.services[service]["healthcheck"]["test"]]
        if kind == "CMD-SHELL":
            test = ["sh", "-c", test[0].replace("$$", "$")]
        else:
            test = [sys.executable if part == "python" else part for part in test]
        return subprocess.run(test, check=False, capture_output=True).returncode == 0

    def environment(self, service: str) -> dict[str, str]:
        """The service's environment alone, nothing of the test's but PATH."""
        given = self.services[service]["environment"] | self._extra
        # Without a value it comes from .env, which is empty.
        local = {name: self._local(str(value), service) for name, value in given.items() if value is not None}
        return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(DEPLOY.parent), **local}

    def log(self, service: str) -> Path:
        """The file of the service's output."""
        return self.folder / f"{service}.log"

    def _local(self, text: str, service: str) -> str:
        # Whole words: /data is not the beginning of /database_password.
        places = "(?:" + "|".join(map(re.escape, self._places)) + r")(?!\w)"
        # Each container has a /tmp of its own.
        text = text.replace("/tmp/alive", f"/tmp/alive-{service}")
        # And of the secrets it has its own.
        text = text.replace("/run/secrets", str(self.folder / "run" / service))
        return re.sub(places, lambda match: self._places[match[0]], text)
