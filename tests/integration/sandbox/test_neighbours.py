"""What a phone system has besides people: other numbers, queues, inbound rules, recordings, its licence."""

import io
import wave

import httpx
import pytest

from services.sandbox.phone_system import RunningPhoneSystem
from tests.integration.sandbox.conftest import PhoneSystems, refusal, values


def test_peers_are_everything_that_holds_a_number(xapi: httpx.Client) -> None:
    rows = values(xapi.get("Peers?$select=Number,Type&$orderby=Id"))
    kinds = {row["Number"]: row["Type"] for row in rows}
    assert kinds == {
        "800": "Queue",
        "801": "RingGroup",
        "802": "IVR",
        "888": "Fax",
        "SP0": "Parking",
        "rollcall": "RoutePoint",
        "GRP0000": "Group",
    } | dict.fromkeys(("100", "101", "102", "103", "104"), "Extension")


def test_peers_come_in_pages_and_follow_what_happens(phone_systems: PhoneSystems) -> None:
    client = phone_systems.xapi(phone_systems.start(extensions=150, first_number=1000))
    client.post("Groups", json={"Name": "Sales"})
    first, second = (
        client.get(f"Peers?$orderby=Id&$top=100&$skip={skip}&$count=true").json() for skip in (0, 100)
    )
    assert first["@odata.count"] == 158
    numbers = [row["Number"] for row in first["value"] + second["value"]]
    assert len(set(numbers)) == 158
    assert numbers[-2:] == ["GRP0000", "GRP0001"]
    assert [row["Id"] for row in first["value"]] == sorted(row["Id"] for row in first["value"])
    assert values(client.get("Peers?$filter=Type eq 'Group' and Name eq 'Sales'"))[0]["Number"] == "GRP0001"


def test_a_peer_is_found_by_its_number(xapi: httpx.Client) -> None:
    assert xapi.get("Peers(Number='801')").json()["Type"] == "RingGroup"
    assert xapi.get("Peers(Number='4711')").status_code == 404
    body = {"peersRequest": {"DnNumbers": ["100", "800", "4711"]}}
    found = values(xapi.post("Peers/Pbx.RetreivePeersByNumbers", json=body))
    assert sorted((row["Number"], row["Name"]) for row in found) == [
        ("100", "Existing0 Extension"),
        ("800", "Sales hotline"),
    ]
    assert xapi.post("Peers/Pbx.RetreivePeersByNumbers", json={"peersRequest": []}).status_code == 400


@pytest.mark.parametrize(
    ("path", "people", "more"),
    [("Queues(2)", "Agents", {"SkillGroup": "2"}), ("RingGroups(3)", "Members", {})],
)
def test_people_of_a_queue_or_ring_group_are_written_as_a_whole(
    xapi: httpx.Client, path: str, people: str, more: dict[str, str]
) -> None:
    expanded = f"{path}?$expand={people}"
    assert [row["Number"] for row in xapi.get(expanded).json()[people]] == ["100", "101"]
    assert xapi.patch(path, json={people: [{"Number": "104"} | more]}).status_code == 204
    (person,) = xapi.get(expanded).json()[people]
    assert {name: person[name] for name in ("Number", "Name", *more)} == {
        "Number": "104",
        "Name": "Existing4 Extension",
    } | more
    refused = xapi.patch(path, json={people: [{"Number": "4711"}]})
    assert refusal(refused) == (400, people, "WARNINGS.XAPI.NON_EXISTENT_EXT_NUMBER")
    assert xapi.patch(path, json={people: "104"}).status_code == 400
    assert xapi.patch(path, json={"Number": "999"}).status_code == 400


def test_a_deleted_user_is_in_no_queue_any_more(xapi: httpx.Client, ids: dict[str, int]) -> None:
    assert xapi.delete(f"Users({ids['100']})").status_code == 204
    (queue,) = values(xapi.get("Queues?$expand=Agents"))
    (ring_group,) = values(xapi.get("RingGroups?$expand=Members"))
    assert [row["Number"] for row in queue["Agents"] + ring_group["Members"]] == ["101", "101"]


def test_an_inbound_rule_that_points_at_a_user_is_found_and_changed(xapi: httpx.Client) -> None:
    rules = values(xapi.get("InboundRules?$top=100"))
    (direct,) = [rule for rule in rules if rule["OfficeHoursDestination"]["Number"] == "100"]
    elsewhere = {"To": "Extension", "Number": "101", "External": ""}
    assert (
        xapi.patch(f"InboundRules({direct['Id']})", json={"OfficeHoursDestination": elsewhere}).status_code
        == 204
    )
    changed = xapi.get(f"InboundRules({direct['Id']})").json()
    assert changed["OfficeHoursDestination"] == elsewhere
    assert changed["OutOfOfficeHoursDestination"] == direct["OutOfOfficeHoursDestination"]
    for path in ("InboundRules(99)", "Queues(99)", "RingGroups(99)"):
        assert xapi.patch(path, json={}).status_code == 404


def test_recordings_are_filtered_by_id_number_and_time(xapi: httpx.Client) -> None:
    def found(wanted: str) -> list[int]:
        return [row["Id"] for row in values(xapi.get("Recordings", params={"$filter": wanted, "$top": 50}))]

    assert found("Id eq 2") == [2]
    assert found("FromDn eq '100' or ToDn eq '100'") == [1]
    assert found("StartTime ge 2026-11-21T00:00:00Z and StartTime lt 2026-11-22T12:00:00+02:00") == [2]
    assert xapi.get("Recordings", params={"$filter": "StartTime ge '2026-11-21'"}).status_code == 400


def test_one_recording_cannot_be_read_by_its_id(xapi: httpx.Client) -> None:
    assert xapi.get("Recordings(1)").status_code == 404


def test_a_recording_is_downloaded_as_sound(xapi: httpx.Client) -> None:
    answer = xapi.get("Recordings/Pbx.DownloadRecording(recId=1)")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/x-wav")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 8000)


def test_a_missing_recording_is_said_to_be_missing(xapi: httpx.Client) -> None:
    missing = xapi.get("Recordings/Pbx.DownloadRecording(recId=99)")
    assert refusal(missing) == (400, "recId", "WARNINGS.XAPI.FILE_NOT_FOUND")


def test_recordings_are_archived_and_deleted(phone_system: RunningPhoneSystem, xapi: httpx.Client) -> None:
    assert xapi.post("Recordings/Pbx.BulkRecordingsArchive", json={"ids": [2, 99]}).status_code == 204
    assert xapi.post("Recordings/Pbx.BulkRecordingsDelete", json={"ids": [1, 99]}).status_code == 204
    rows = values(xapi.get("Recordings?$select=Id,IsArchived"))
    assert rows == [{"Id": 2, "IsArchived": True}, {"Id": 3, "IsArchived": False}]
    assert list(phone_system.state.calls["delete_recording"]) == ["1"]


def test_there_is_no_way_to_a_voicemail_message(xapi: httpx.Client) -> None:
    assert xapi.get("VoicemailSettings").status_code == 200
    for path in ("Voicemails", "VoicemailMessages", "Users(21)/Voicemails"):
        assert xapi.get(path).status_code == 404


def test_the_system_tells_its_state_and_defaults(xapi: httpx.Client) -> None:
    status = xapi.get("SystemStatus").json()
    assert (status["Version"], status["ExtensionsTotal"], status["LicenseActive"]) == ("20.0.10.100", 5, True)
    assert status["LicenseKey"] not in xapi.get("SystemStatus?$select=Version").text
    parameters = xapi.get("Defs/Pbx.GetSystemParameters()").json()
    (prompt_set,) = values(xapi.get("PromptSets"))
    assert prompt_set["Folder"] == parameters["GlobalACPRMSET"]
    assert parameters["ENL"] == 3
    assert [row["Number"] for row in values(xapi.get("ServicePrincipals"))] == ["rollcall"]
    assert xapi.get("LicenseStatus").json()["LicenseActive"] is True
    assert values(xapi.get("EventLogs")) == []
