"""What stands in a phone system besides extensions and departments: other numbers, and what points at people.

The queue, the ring group, one inbound rule and the recordings are about the first extensions, so that whatever
a leaver must be taken out of is there.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

QUEUE, RING_GROUP, RECEPTIONIST = 2, 3, 4


def peers(client_ids: Sequence[str]) -> list[Json]:
    """Everything that holds a number and is neither a user nor a department; API clients do too."""
    others = (
        ("800", "Queue", "Sales hotline"),
        ("801", "RingGroup", "Reception"),
        ("802", "IVR", "Main menu"),
        ("888", "Fax", "Fax server"),
        ("SP0", "Parking", "Shared parking"),
        *((client, "RoutePoint", "API client") for client in client_ids),
    )
    return [
        {"Id": index, "Number": number, "Name": name, "Type": kind, "Tags": []}
        for index, (number, kind, name) in enumerate(others, start=QUEUE)
    ]


def queue(agents: list[Json]) -> Json:
    """A queue with these agents, led by the first of them."""
    return {
        "Id": QUEUE, "Number": "800", "Name": "Sales hotline", "PollingStrategy": "RingAll", "RingTimeout": 20,
        "Agents": agents, "Managers": agents[:1], **_unanswered(),
    }  # fmt: skip


def ring_group(members: list[Json]) -> Json:
    """A ring group with these members."""
    return {
        "Id": RING_GROUP, "Number": "801", "Name": "Reception", "RingStrategy": "RingAll", "RingTime": 20,
        "Members": members, **_unanswered(),
    }  # fmt: skip


def receptionist(numbers: Sequence[str]) -> Json:
    """The main menu, with a key for each of these extensions; the first is also given who presses none."""
    return {
        "Id": RECEPTIONIST, "Number": "802", "Name": "Main menu", "PromptFilename": "", "Timeout": 10,
        "InvalidKeyForwardDN": "",
        "TimeoutForwardDN": "".join(numbers[:1]),
        "TimeoutForwardType": "Extension" if numbers else "EndCall",
        "TimeoutForwardPeerType": "Extension" if numbers else "None",
        "Forwards": [
            {
                "Id": index, "Input": str(index), "ForwardDN": number, "ForwardType": "Extension",
                "PeerType": "Extension", "CustomData": "",
            }
            for index, number in enumerate(numbers, start=1)
        ],
        **_routes(),
    }  # fmt: skip


def _unanswered() -> Json:
    return {"ForwardNoAnswer": _destination("None", "", "None"), **_routes()}


def _routes() -> Json:
    nowhere = {"IsPromptEnabled": False, "Prompt": "", "Route": _destination("None", "", "None")}
    return dict.fromkeys(("BreakRoute", "HolidaysRoute", "OutOfOfficeRoute"), nowhere)


def inbound_rules(numbers: Sequence[str]) -> list[Json]:
    """The main number, and a direct number for each of these extensions."""
    menu = _destination("IVR", "802", "IVR")
    direct = [
        _rule(index, f"Direct {number}", _destination("Extension", number, "Extension"), number)
        for index, number in enumerate(numbers, start=2)
    ]
    return [_rule(1, "Main number", menu, "000"), *direct]


def audit(entry_id: int, who: str, user: Json) -> Json:
    """An entry of the audit log: somebody has changed an extension just now."""
    return {
        "Id": entry_id,
        "Timestamp": datetime.now(UTC).isoformat(),
        "Source": 0,
        "Ip": "127.0.0.1",
        "Action": 1,
        "ObjectType": 0,
        "UserName": who,
        "ObjectName": f"{user['Number']} {user['FirstName']} {user['LastName']}",
        "PrevData": "",
        "NewData": "",
    }


def recording(recording_id: int, number: str) -> Json:
    """An outbound call of an extension that was recorded."""
    return {
        "Id": recording_id,
        "StartTime": f"2026-11-{19 + recording_id:02}T10:00:00Z",
        "EndTime": f"2026-11-{19 + recording_id:02}T10:01:00Z",
        "FromDn": number,
        "FromDnType": 0,
        "ToDn": "",
        "ToDnType": 13,
        "FromCallerNumber": number,
        "ToCallerNumber": "+18015550123",
        "CallType": "OutboundExternal",
        "RecordingUrl": f"{number}/call_{recording_id}.wav",
        "IsArchived": False,
        "IsTranscribed": False,
        "CanBeTranscribed": False,
    }


def _rule(rule_id: int, name: str, destination: Json, digits: str) -> Json:
    return {
        "Id": rule_id,
        "RuleName": name,
        "Data": f"+1801555{digits:0>4}",
        "CustomData": "",
        "Condition": "BasedOnDID",
        "CallType": "AllCalls",
        "AlterDestinationDuringHolidays": False,
        "AlterDestinationDuringOutOfOfficeHours": False,
        "OfficeHoursDestination": destination,
        "OutOfOfficeHoursDestination": destination,
        "HolidaysDestination": destination,
    }


def _destination(to: str, number: str, kind: str) -> Json:
    return {"To": to, "Number": number, "Name": "", "Type": kind, "External": "", "Tags": []}
