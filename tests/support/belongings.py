"""Gives an extension of the stand-in phone system everything that one can have, and looks where it is afterwards."""

import copy
from typing import Any

from services.sandbox.phone_system import RunningPhoneSystem

Json = dict[str, Any]

MAC = "00:15:65:AA:BB:CC"
PHONE_SECRET = "phone-secret-7"
OWN: Json = {
    "VMPIN": "482913",
    "OutboundCallerID": "+18015550104",
    "Require2FA": True,
    "Enable2FA": True,
    "EnableHotdesking": True,
    "EmergencyLocationId": "house-2",
    "Mobile": "+49301",
    "ContactImage": "anna.png",
    "Language": "DE",
    "CurrentProfileName": "Away",
    "QueueStatus": "LoggedIn",
    "WebMeetingFriendlyName": "meet-anna",
    "ClickToCallId": "call-anna",
}
KEYS = '<PhoneDevice><BLFS><BLF number="{}"/></BLFS></PhoneDevice>'


def endow(phone_system: RunningPhoneSystem, number: str, watchers: tuple[str, ...] = ("101",)) -> None:
    """Let the extension have all of it: settings, a phone, greetings, queues, a direct number, keys of others."""
    state = phone_system.state
    phone = {
        "MacAddress": MAC,
        "Name": "Desk",
        "TemplateName": "yealink",
        "Settings": {"Secret": PHONE_SECRET, "PhoneLanguage": "German"},
    }
    greetings = [
        {"Type": "Default", "Filename": "", "DisplayName": ""},
        {"Type": "Away", "Filename": "away.wav", "DisplayName": "Away"},
    ]
    state.change_user(
        state.user_id_of(number),
        OWN | {"Phones": [phone], "Greetings": greetings, "Blfs": KEYS.format(number)},
        is_counted=False,
    )
    for watcher in watchers:
        leads = {"To": "Extension", "Number": number, "Type": "Extension", "External": ""}
        rule = {"Hours": {"Type": "AllHours"}, "Destination": leads}
        changes = {"Blfs": KEYS.format(number), "ForwardingExceptions": [rule]}
        state.change_user(state.user_id_of(watcher), changes, is_counted=False)
    person = state.people([{"Number": number, "SkillGroup": "3"}])
    to_person = {
        "To": "Extension",
        "Number": number,
        "Name": "",
        "Type": "Extension",
        "External": "",
        "Tags": [],
    }
    for row in state.queues.values():
        row["Agents"] = [*row["Agents"], *person]
        row["Managers"] = [*row["Managers"], *state.people([{"Number": number}])]
        row["ForwardNoAnswer"] = to_person
    for row in state.ring_groups.values():
        row["Members"] = [*row["Members"], *state.people([{"Number": number}])]
        row["OutOfOfficeRoute"] = {"IsPromptEnabled": False, "Prompt": "", "Route": to_person}
    for row in state.receptionists.values():
        row["TimeoutForwardDN"] = number
        row["Forwards"] = [
            *row["Forwards"],
            row["Forwards"][0] | {"Id": 9, "Input": "9", "ForwardDN": number},
        ]
    state.inbound_rules[9] = state.inbound_rules[2] | {
        "Id": 9,
        "RuleName": f"Direct {number}",
        "Data": "+18015559104",
        "OfficeHoursDestination": to_person,
        "OutOfOfficeHoursDestination": to_person | {"To": "VoiceMail"},
    }
    state.groups[1]["CustomOperator"] = to_person


def around(phone_system: RunningPhoneSystem) -> Json:
    """Everything that is no extension and can name one, and what others have that can."""
    state = phone_system.state
    return copy.deepcopy(
        {
            "queues": state.queues,
            "ring groups": state.ring_groups,
            "IVRs": state.receptionists,
            "inbound rules": state.inbound_rules,
            "operator": state.groups[1].get("CustomOperator"),
            "others": {
                user["Number"]: (user["Blfs"], user["ForwardingExceptions"])
                for user in map(state.user, state.users)
            },
        }
    )
