"""Two domains in one site: one number space, and each directory speaks for its own people alone."""

from typing import Any

import ldap3
import pytest

from services.api.overview.queries import read_overview
from services.api.people.use_cases.explain import explain
from services.collector import directory_accounts, identity
from shared.database.tables import RunState
from shared.domain.command import CommandKind
from tests.integration.end_to_end.conftest import Ends
from tests.integration.end_to_end.two_domains import (
    EMEA,
    binding_of,
    directories,
    emea,
    kinds,
    people,
    without_pauses,
)
from tests.support.office import Office
from tests.support.samba import SambaDomain

__all__ = ["emea"]

pytestmark = pytest.mark.samba


def test_one_that_does_not_answer_holds_its_people_and_nobody_else(
    ends: Ends, emea: Office, other_samba: SambaDomain
) -> None:
    anna, carl, emil, _fred = people(ends, emea)
    assert {row.directory for row in ends.site.bindings().values()} == {"", EMEA}
    emea.delete(emil)
    ends.office.delete(anna)
    ends.office.change(carl, sn="Carlsson")
    other_samba.stop()
    run = without_pauses(ends)
    assert run.state == RunState.DONE, ends.site.story()
    assert kinds(ends, run.id) == {
        "201": [CommandKind.DISABLE_EXTENSION, CommandKind.DELETE_EXTENSION],
        "202": [CommandKind.UPDATE_EXTENSION],
    }
    (held,) = ends.site.findings(run.id)["incomplete_snapshot"]
    assert f"Nobody from {EMEA} is removed" in held.message
    seen = read_overview(ends.site.context, "default").directories
    assert {title: end.is_well for title, end in seen.items()} == {"corp.example.test": True, EMEA: False}
    # Whose directory is meant is said wherever there are several.
    assert all(row.reason.endswith("Directory: corp.example.test.") for row in ends.site.commands(run.id))
    other_samba.start()
    run = ends.site.complete()
    assert list(kinds(ends, run.id)) == ["203"], ends.site.story()
    ends.assert_in_step()


def test_a_number_wanted_in_both_is_one_conflict(ends: Ends, emea: Office) -> None:
    corp_unit, emea_unit = ends.office.unit("Sales"), emea.unit("Vertrieb")
    ends.office.hire(corp_unit, "gina", "207")
    emea.hire(emea_unit, "hugo", "207")
    directories(ends, emea, corp_unit, emea_unit)
    run = ends.site.complete()
    (conflict,) = ends.site.findings(run.id)["duplicate_number"]
    assert len(conflict.person_guids) == 2
    assert conflict.message.endswith(f"Directories: corp.example.test, {EMEA}.")
    told = explain(ends.site.context, "default", conflict.person_guids[0]).sentences
    assert any(" of the directory " in sentence for sentence in told)
    assert not ends.site.commands(run.id)


@pytest.mark.parametrize("is_former_enabled", [True, False])
def test_an_account_migrated_to_the_other_domain_keeps_its_extension(
    ends: Ends, emea: Office, samba: SambaDomain, other_samba: SambaDomain, is_former_enabled: bool
) -> None:
    anna, _carl, _emil, _fred = people(ends, emea)
    before = binding_of(ends, "201").extension_id
    new = emea.hire(f"OU=Vertrieb,{emea.root}", "anna", "201", mail="anna@new.example")
    sid = sid_of(samba, anna)
    other_samba.change(f"dn: {new}\nchangetype: modify\nadd: sIDHistory\nsIDHistory: {sid}\n")
    if not is_former_enabled:
        ends.office.disable(anna)
    run = ends.site.complete()
    assert run.state == RunState.DONE, ends.site.story()
    found = kinds(ends, run.id)
    assert set(found) == {"201"}
    assert CommandKind.REBIND_EXTENSION in found["201"]
    assert CommandKind.DISABLE_EXTENSION not in found["201"]
    (rebound,) = [row for row in ends.site.commands(run.id) if row.kind == CommandKind.REBIND_EXTENSION]
    assert "sIDHistory" in rebound.reason
    assert binding_of(ends, "201").extension_id == before
    ends.assert_in_step()
    assert binding_of(ends, "201").directory == EMEA


def sid_of(domain: SambaDomain, dn: str) -> str:
    """The SID of an entry, as it is written."""
    with domain.administrator() as connection:
        connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
        found: Any = connection.response
        raw = found[0]["raw_attributes"]["objectSid"][0]
    parts = [int.from_bytes(raw[start : start + 4], "little") for start in range(8, len(raw), 4)]
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8])), *map(str, parts)])


def test_people_of_both_sign_in_and_a_login_that_both_have_is_tried_nowhere(
    ends: Ends, emea: Office, other_samba: SambaDomain
) -> None:
    _anna, _carl, emil, _fred = people(ends, emea)
    directories = ends.site.context.site_settings("default").settings.directory_by_key
    emea.set_password(emil, "Emil-Secret.4711")
    login = f"emil.{emea.name.lower()}"[:20]
    for name in ("203", login, f"EMEA\\{login}"):
        answer = identity.check_password(ends.site.context, "default", directories, name, "Emil-Secret.4711")
        assert (answer["number"], answer["refused"]) == ("203", "")
    wrong = identity.check_password(ends.site.context, "default", directories, login, "wrong")
    assert wrong["refused"] == "the password is wrong"
    groups = [emea.group("admins", [emil]), ends.office.group("admins")]
    found = directory_accounts.find_in(directories, groups, name=f"EMEA\\{login}")
    assert (found["guid"], found["groups"]) == (binding_of(ends, "203").person_guid, groups[:1])
    # A group of the other domain is none that is missing in this one.
    assert found["unknown_groups"] == []
    assert directory_accounts.prove_in(directories, found["guid"], "Emil-Secret.4711")["refused"] == ""
    # One domain is away: whoever is in the other signs in all the same.
    gone = {**directories, "": directories[""].model_copy(update={"servers": ("127.0.0.1:9",)})}
    assert (
        identity.check_password(ends.site.context, "default", gone, login, "Emil-Secret.4711")["refused"]
        == ""
    )
    same = ends.office.hire(f"OU=Sales,{ends.office.root}", "emil", "205")
    assert same
    ends.settle()
    ambiguous = identity.check_password(ends.site.context, "default", directories, login, "Emil-Secret.4711")
    assert "several domains have this login" in ambiguous["refused"]
    assert directory_accounts.find_in(directories, [], name=login)["guid"] == ""
