"""systemd is told that the process is ready and alive, and nothing when it is not."""

import asyncio
import socket
from pathlib import Path

import pytest

from services.cli.serving import _tell_systemd


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Where systemd listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return sock


def test_what_lives_gives_a_sign_of_life(systemd: socket.socket) -> None:
    with systemd:
        asyncio.run(_tell_systemd(lambda: True))
        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"


def test_what_has_lost_its_workers_gives_none(systemd: socket.socket) -> None:
    with systemd:
        asyncio.run(_tell_systemd(lambda: False))
        with pytest.raises(BlockingIOError):
            systemd.recv(100)


def test_a_manager_that_is_gone_ends_nothing(systemd: socket.socket) -> None:
    systemd.close()
    asyncio.run(_tell_systemd(lambda: True))


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    asyncio.run(_tell_systemd(lambda: True))
