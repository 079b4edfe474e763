"""Any release of 3CX V20: what it does not have is neither asked for nor written, and said; what is needed must be there."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from services.relay_client import questions
from services.relay_client.xapi.template import COPIED_FIELDS
from services.sandbox.phone_system import PhoneSystemOptions
from services.sandbox.phone_system.releases import entities
from shared.domain.command import Command, CommandKind
from shared.errors import CommandRejected
from shared.settings import store
from shared.settings.documents import ArchiveSettings
from tests.integration.relay_client.between import Answer, Between, Forward, Passing, between
from tests.integration.relay_client.conftest import Bench, creation
from tests.support.releases import every_release

MISSING = {
    "20.0.8": "AgentSettings, BlockTunnel and ForbidRecording",
    "20.0.9": "ForbidRecording",
    "20.0.10": "",
}
_oldest = pytest.mark.parametrize("release", ["20.0.8"])
_newest = pytest.mark.parametrize("release", ["20.0.10"])


@pytest.fixture
def proxy(bench: Bench) -> Iterator[Between]:
    """Something in front of the phone system, which the site is set to."""
    with between(bench.base_url) as made:
        bench.configure(base_url=made.base_url)
        yield made


def _test(bench: Bench) -> dict[str, Any]:
    return questions.test_phone_system(bench.context, {"site_id": "default"})


def _renumbering(bench: Bench) -> Command:
    return Command(
        0, CommandKind.RENUMBER_EXTENSION, "test", "204", "guid-4", "Existing4", bench.id_of("104"),
        before={"number": "104"}, after={"number": "204", "first_name": "E", "last_name": "4"},
    )  # fmt: skip


def _refusals(proxy: Between) -> list[str]:
    """What 3CX refused, in order."""
    return [json.loads(body)["error"]["message"] for body in proxy.bodies if body.startswith(b'{"error"')]


@every_release
def test_the_test_says_what_the_release_does_not_have_and_how_many_extensions_it_may_have(
    bench: Bench, release: str
) -> None:
    answer = _test(bench)
    expected = [f"does not have {MISSING[release]} yet. Templates and renumbering copy"] * bool(
        MISSING[release]
    )
    assert len(answer["warnings"]) == len(expected)
    assert all(said in warning for said, warning in zip(expected, answer["warnings"], strict=True))
    assert (answer["used_extensions"], answer["max_extensions"]) == (10, 100_000)
    assert answer["is_limit_known"]


@every_release
def test_a_template_and_a_new_number_take_along_whatever_the_release_has_without_one_refusal(
    bench: Bench, proxy: Between, release: str
) -> None:
    given: dict[str, Any] = {"AllowLanOnly": True, "RecordCalls": True, "SRTPMode": "SRTPEnforced"}
    newer = {"BlockTunnel": True, "ForbidRecording": True, "AgentSettings": {"Skill": 1}}
    given |= {name: value for name, value in newer.items() if name in entities(release)["User"]}
    for number in ("100", "104"):
        bench.phone_system.state.change_user(bench.id_of(number), given, is_counted=False)
    rows = bench.execute(creation(1, template="100"), _renumbering(bench))
    assert [row.state for row in rows] == ["done", "done"], [row.error_message for row in rows]
    # An AI agent's instructions are its own, also under another number.
    for number, left_out in (("201", ["AgentSettings"]), ("204", [])):
        expected = {name: value for name, value in given.items() if name not in left_out}
        assert {name: bench.user(number)[name] for name in expected} == expected
    assert _refusals(proxy) == []


def test_a_phone_system_is_asked_once_what_it_has(bench: Bench, proxy: Between) -> None:
    for _ in range(3):
        _test(bench)
    assert len(proxy.gets("$metadata")) == 1


@_oldest
def test_after_an_upgrade_the_new_properties_are_copied_by_a_worker_that_kept_running(bench: Bench) -> None:
    assert "ForbidRecording" in _test(bench)["warnings"][0]
    newer = replace(bench.phone_system.options, release="20.0.10")
    bench.phone_system._sandbox.options = newer
    bench.phone_system.state.options = newer
    bench.phone_system.state.entities = entities("20.0.10")
    bench.phone_system.state.change_user(bench.id_of("100"), {"ForbidRecording": True}, is_counted=False)
    assert _test(bench)["warnings"] == []
    (row,) = bench.execute(creation(1, template="100"))
    assert (row.state, bench.user("201")["ForbidRecording"]) == ("done", True)


UNDESCRIBED = {
    "nothing there": Answer(404),
    "no right": Answer(403),
    "a failure": Answer(500),
    "a page": Answer(200, b"<html>Welcome</html>"),
    "JSON": Answer(200, b'{"$Version": "4.01"}'),
}


@_oldest
@pytest.mark.parametrize("case", UNDESCRIBED)
def test_without_a_description_each_missing_property_is_refused_once_and_then_left_out(
    bench: Bench, proxy: Between, case: str
) -> None:
    def _handle(passing: Passing, forward: Forward) -> Answer:
        if not passing.path.endswith("$metadata"):
            return forward()
        return replace(UNDESCRIBED[case], headers={"X-3CX-Version": "20.0.8.1109"})

    proxy.handling = _handle
    for _ in range(2):
        assert MISSING["20.0.8"] in _test(bench)["warnings"][0]
    rows = bench.execute(creation(1, template="100"), _renumbering(bench))
    assert [row.state for row in rows] == ["done", "done"], [row.error_message for row in rows]
    names = ("AgentSettings", "BlockTunnel", "ForbidRecording", "MaxUserExtensions", "UserExtensions")
    assert sorted(said.split("'")[1] for said in _refusals(proxy)) == list(names)


@_newest
def test_a_setting_that_is_refused_by_name_when_written_is_left_out_remembered_and_said(
    bench: Bench, proxy: Between
) -> None:
    details = [{"code": "", "message": "WARNINGS.XAPI.NOT_SUPPORTED", "target": "SRTPMode"}]
    error = {"code": "", "message": "SRTPMode:\nWARNINGS.XAPI.NOT_SUPPORTED", "details": details}
    refusal = Answer(400, json.dumps({"error": error}).encode())
    proxy.handling = lambda passing, forward: (
        refusal if passing.method == "PATCH" and b"SRTPMode" in passing.content else forward()
    )
    settings = {"SRTPMode": "SRTPEnforced", "RecordCalls": True}
    bench.phone_system.state.change_user(bench.id_of("100"), settings, is_counted=False)
    rows = bench.execute(creation(1, template="100"), creation(2, template="100"))
    assert [row.state for row in rows] == ["done", "done"], [row.error_message for row in rows]
    for number in ("201", "202"):
        assert (bench.user(number)["RecordCalls"], bench.user(number)["SRTPMode"]) == (True, "SRTPDisabled")
    tried = [
        passing for passing in proxy.requests if passing.method == "PATCH" and b"SRTPMode" in passing.content
    ]
    assert 1 <= len(tried) <= 2, "the two creations run beside each other; later ones would not try"
    assert "3CX refuses SRTPMode." in _test(bench)["warnings"][0]


@_newest
@pytest.mark.parametrize("needed", ["Mobile", "Enabled", "Groups"])
def test_a_property_that_decisions_rest_on_is_never_left_out(
    bench: Bench, proxy: Between, needed: str
) -> None:
    said = f"The query specified in the URI is not valid. Could not find a property named '{needed}' on type 'Pbx.User'."
    refusal = Answer(400, json.dumps({"error": {"code": "", "message": said}}).encode())
    proxy.handling = lambda passing, forward: refusal if needed in str(passing.query) else forward()
    with (
        bench.xapi() as xapi,
        pytest.raises(CommandRejected, match=f"no property '{needed}'.*which Rollcall needs"),
    ):
        xapi.extensions()


@_newest
def test_a_further_field_that_a_release_lacks_is_left_out_and_the_others_are_read(
    bench: Bench, proxy: Between
) -> None:
    lacking = "EmergencyAdditionalInfo"
    said = f"The query specified in the URI is not valid. Could not find a property named '{lacking}' on type 'Pbx.User'."
    refusal = Answer(400, json.dumps({"error": {"code": "", "message": said}}).encode())
    proxy.handling = lambda passing, forward: refusal if lacking in str(passing.query) else forward()
    with bench.xapi(further=("language", "emergency_info")) as xapi:
        assert {extension.further for extension in xapi.extensions()} == {(("language", "EN"),)}
    # Nothing is mapped, nothing is asked for.
    with bench.xapi() as xapi:
        assert {extension.further for extension in xapi.extensions()} == {()}


@_oldest
@pytest.mark.parametrize("status", [403, 404, 400])
def test_a_limit_that_is_nowhere_said_is_unknown_and_no_reason_to_stop(
    bench: Bench, proxy: Between, status: int
) -> None:
    proxy.handling = lambda passing, forward: (
        Answer(status) if "GetRestrictions" in passing.path else forward()
    )
    answer = _test(bench)
    assert (answer["used_extensions"], answer["max_extensions"], answer["is_limit_known"]) == (
        10,
        None,
        False,
    )
    assert any("does not say how many extensions" in warning for warning in answer["warnings"])


@pytest.mark.parametrize("options", [PhoneSystemOptions(extensions=10, role="system_admins")])
def test_an_api_client_that_may_not_read_recordings_is_told_so_beforehand_where_they_are_archived(
    bench: Bench,
) -> None:
    assert _test(bench)["warnings"] == []
    archive = ArchiveSettings(is_enabled=True, voicemails=False)
    with bench.context.database.begin() as session:
        store.write(session, "default", archive, actor="test", encryption=bench.context.encryption)
    (warning,) = _test(bench)["warnings"]
    assert warning.startswith("Recordings cannot be read")
    assert "System Owner" in warning


@_newest
def test_a_role_that_the_phone_system_does_not_have_is_told_beforehand(bench: Bench) -> None:
    bench.configure(allowed_roles=("users", "directors"))
    (warning,) = _test(bench)["warnings"]
    assert "does not have the role directors" in warning


@_newest
@pytest.mark.parametrize("path", ["/Peers", "/Users"])
def test_what_a_run_could_not_read_fails_the_test_too(bench: Bench, proxy: Between, path: str) -> None:
    wanted = "SRTPMode" if path == "/Users" else "$top"
    proxy.handling = lambda passing, forward: (
        Answer(403) if passing.path.endswith(path) and wanted in str(passing.query) else forward()
    )
    with pytest.raises(Exception, match="may not do this"):
        _test(bench)


def test_every_copied_field_is_one_of_some_release() -> None:
    assert set(COPIED_FIELDS) <= set(entities("20.0.10")["User"])
