"""``rollcall console setup-link`` and what ``rollcall up`` says while nobody can sign in."""

import socket
from pathlib import Path

import pytest

from services.api.access import setup_link
from services.cli.console_commands import invitation
from services.cli.deployment import open_deployment
from services.cli.main import main
from services.cli.serving import listening
from shared.process_settings import load
from shared.worker.context import Context
from tests.integration.console.conftest import PASSWORD


def test_the_command_prints_a_link_without_a_secret_and_a_code_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path), "console", "setup-link"]) == 0
    link, word, code = capsys.readouterr().out.split()
    assert (link, word) == ("http://127.0.0.1:8800/console/set-up", "code:")
    context = open_deployment(load({}, data=tmp_path))
    setup_link.use_code(context, code, "anna", "", PASSWORD)
    context.database.close()


def test_somebody_is_invited_until_there_is_a_manager(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    said = invitation(context, "http://127.0.0.1:8800")
    setup_link.use_code(context, said.split()[-1], "anna", "", PASSWORD)
    assert invitation(context, "http://127.0.0.1:8800") == ""


def test_output_that_is_kept_names_the_file_of_the_code_and_not_the_code(context: Context) -> None:
    said = invitation(context, "http://127.0.0.1:8800")
    file = context.settings.data / "setup-link"
    link, _, code = file.read_text().split()
    assert str(file.absolute()) in said
    assert link == "http://127.0.0.1:8800/console/set-up"
    assert code not in said
    assert file.stat().st_mode & 0o777 == 0o600
    setup_link.use_code(context, code, "anna", "", PASSWORD)
    assert invitation(context, "http://127.0.0.1:8800") == ""
    assert not file.exists()


def test_an_answer_in_two_pieces_does_not_wait_for_an_acknowledgement(tmp_path: Path) -> None:
    with (
        listening(load({}, data=tmp_path, api_port=0)) as (sock, _),
        socket.create_connection(sock.getsockname()),
    ):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
