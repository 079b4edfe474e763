"""Replacing the key of the stored secrets: at no moment is a secret lost, whoever is killed and whoever works beside it."""

import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from services.api.operations.use_cases import key_rotation
from services.api.settings.use_cases import sections as settings
from shared import encryption
from shared.database.tables import Lease, OwedSteps, PhoneSystemToken, SettingsVersion
from shared.encryption import Encryption, new_key, read_key_file
from shared.errors import SecretUnreadable, SettingsInvalid
from shared.process_settings import load
from shared.settings import store
from shared.settings.documents import Section
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.api.conftest import CLIENT_SECRET, READY, SECRET, SITE
from tests.integration.cli.conftest import Terminal
from tests.support.databases import database_url

TOKEN = "an access token"


def _store_token(context: Context, token: str = TOKEN) -> None:
    now = datetime.now(UTC)
    with context.database.begin() as session:
        values = {
            "name": "t",
            "token": context.encryption.encrypt(token),
            "obtained_at": now,
            "renew_at": now,
        }
        session.execute(insert(PhoneSystemToken).values(values))


def _secrets(context: Context) -> tuple[str, str, str]:
    """The stored secrets as a process that starts now reads them."""
    fresh = encryption.load(context.settings)
    with context.database.read() as session:
        found = store.read(session, SITE, fresh).settings
        token = fresh.decrypt(session.scalars(select(PhoneSystemToken.token)).one())
    return (
        found.directory.password.get_secret_value(),
        found.phone_system.client_secret.get_secret_value(),
        token,
    )


def _with_keys(context: Context, *keys: str) -> Context:
    """A process on the same database that is given these keys by its environment."""
    changed = context.settings.model_copy(update={"secret_key": None})
    return Context(create_app(changed), changed, context.database, Encryption(*keys))


def test_everything_is_encrypted_anew_and_the_old_key_is_dropped(ready: Context) -> None:
    _store_token(ready)
    settings.replace_section(ready, SITE, *_other_password(ready, "second"), "test")
    path = encryption.key_file(ready.settings)
    (old,) = read_key_file(path)
    state = key_rotation.rotate_keys(ready, "anna")
    # Of the first and the second version of the directory's settings, the phone system's, and the token.
    assert (state.keys, state.newest, state.older, state.unreadable) == (1, 4, 0, 0)
    assert old not in read_key_file(path)
    assert path.stat().st_mode & 0o077 == 0
    assert _secrets(ready) == ("second", CLIENT_SECRET, TOKEN)
    with pytest.raises(SecretUnreadable), ready.database.read() as session:
        store.read(session, SITE, Encryption(old))


def _other_password(context: Context, password: str) -> tuple[Section, dict[str, object]]:
    section = Section.DIRECTORY
    values, _version = settings.read_section(context, SITE, section)
    return section, values | {"password": password}


# For each number it is told: a process that dies without a word at this commit or replacement of a file, counted from 0.
_DYING = textwrap.dedent(
    """
    import os, sys
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from services.cli.main import main

    left = None

    def point(*_):
        global left
        if left is not None:
            left -= 1
            if left < 0:
                os._exit(9)

    sys.addaudithook(lambda name, _arguments: point() if name == "os.rename" else None)
    event.listen(Engine, "commit", point)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            left = int(line)
            os._exit(main(["keys", "rotate"]))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    """
)


def test_a_rotation_killed_at_any_step_loses_nothing_and_is_taken_up_again(ready: Context) -> None:
    _store_token(ready)
    settings.replace_section(ready, SITE, *_other_password(ready, "second"), "test")
    path = encryption.key_file(ready.settings)
    environment = os.environ | {
        "ROLLCALL_DATA": str(ready.settings.data),
        "ROLLCALL_DATABASE_URL": database_url(ready.settings.data),
    }
    keys_seen: set[int] = set()
    with subprocess.Popen(
        [sys.executable, "-c", _DYING],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as dying:
        assert dying.stdin
        assert dying.stdout
        for step in range(30):
            print(step, file=dying.stdin)
            code = int(dying.stdout.readline())
            assert _secrets(ready) == ("second", CLIENT_SECRET, TOKEN), f"lost when killed at step {step}"
            if code == 0:
                break
            assert code == 9
            keys_seen.add(len(read_key_file(path)))
            with ready.database.begin() as session:
                # As if the time had passed after which the dead one's lease ends.
                session.execute(delete(Lease))
        dying.stdin.close()
    assert code == 0
    assert step >= 5, "the test must have killed it at several steps"
    assert keys_seen == {1, 2}
    assert len(read_key_file(path)) == 1
    state = key_rotation.key_state(ready)
    assert (state.older, state.unreadable) == (0, 0)


def test_what_a_renumbering_has_taken_off_is_readable_with_another_key(ready: Context) -> None:
    now = datetime.now(UTC)
    with ready.database.begin() as session:
        values = {"site_id": SITE, "number": "204", "run_id": 1, "person_guid": "g", "person_name": "A"}
        more = {"before": {}, "after": {}, "owes": "steps", "begun_at": now}
        session.execute(
            insert(OwedSteps).values(values | more | {"taken": ready.encryption.encrypt('{"Phones": []}')})
        )
    assert key_rotation.rotate_keys(ready, "anna").older == 0
    with ready.database.read() as session:
        taken = session.scalars(select(OwedSteps.taken)).one()
    assert encryption.load(ready.settings).decrypt(taken or "") == '{"Phones": []}'


def test_a_process_that_runs_on_notices_another_key(ready: Context) -> None:
    beside = Context(ready.app, ready.settings, ready.database, encryption.load(ready.settings))
    key_rotation.rotate_keys(ready, "anna")
    with beside.database.read() as session:
        assert (
            store.read(session, SITE, beside.encryption).settings.directory.password.get_secret_value()
            == SECRET
        )
    settings.replace_section(beside, SITE, *_other_password(beside, "third"), "test")
    state = key_rotation.key_state(ready)
    assert (state.older, state.unreadable) == (0, 0)


def test_processes_with_the_keys_in_either_order_read_what_the_other_writes(context: Context) -> None:
    old, new = new_key(), new_key()
    alone, behind, ahead = (
        _with_keys(context, old),
        _with_keys(context, old, new),
        _with_keys(context, new, old),
    )
    settings.apply_settings(alone, SITE, READY, "test")
    _store_token(alone)
    for writer, readers in ((behind, (alone, behind, ahead)), (ahead, (behind, ahead))):
        settings.replace_section(writer, SITE, *_other_password(writer, "next"), "test")
        for reader in readers:
            with reader.database.read() as session:
                found = store.read(session, SITE, reader.encryption).settings.directory.password
            assert found.get_secret_value() == "next"
        settings.replace_section(writer, SITE, *_other_password(writer, "again"), "test")
    assert key_rotation.key_state(ahead).older > 0
    assert key_rotation.rotate_keys(ahead, "anna").older == 0
    only_new = _with_keys(context, new)
    with only_new.database.read() as session:
        assert (
            store.read(session, SITE, only_new.encryption).settings.directory.password.get_secret_value()
            == "again"
        )


def test_with_one_key_in_the_environment_there_is_none_to_change_to(context: Context) -> None:
    with pytest.raises(SettingsInvalid, match="new,old"):
        key_rotation.rotate_keys(_with_keys(context, new_key()), "anna")


def test_a_secret_that_no_key_can_read_is_counted_and_left(ready: Context) -> None:
    lost = {"password": {"$encrypted": Encryption(new_key()).encrypt("gone")}}
    with ready.database.begin() as session:
        session.execute(
            update(SettingsVersion).where(SettingsVersion.section == "directory").values(document=lost)
        )
    assert key_rotation.rotate_keys(ready, "anna").unreadable == 1
    with ready.database.read() as session:
        kept = session.scalars(
            select(SettingsVersion.document).where(SettingsVersion.section == "directory")
        ).one()
    assert kept == lost


def test_keys_of_the_environment_are_a_list_with_the_newest_first(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    both = encryption.load(load({"ROLLCALL_DATA": str(tmp_path), "ROLLCALL_SECRET_KEY": f"{new}, {old}"}))
    assert both.keys == (new, old)
    assert both.decrypt(Encryption(old).encrypt("x")) == "x"
    assert Encryption(new).decrypt(both.encrypt("x")) == "x"


def test_the_command_line_says_how_it_stands(rollcall: Terminal) -> None:
    assert "1 key(s)" in rollcall("keys", "state").output
    assert rollcall("keys", "rotate").code == 0
