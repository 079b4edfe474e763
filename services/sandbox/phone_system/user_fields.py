"""What a new 3CX user has in each field, which fields are secret, computed or limited in length."""

import secrets
from collections.abc import Mapping
from typing import Any

from services.sandbox.phone_system.schema import BOOL, STRING, USER

SECRETS = ("AuthPassword", "AccessPassword", "DeskphonePassword", "VMPIN", "SIPID", "AuthID")
_SCHEDULE = {"Type": "OfficeHours", "IgnoreHolidays": False, "Periods": []}


def _default(name: str) -> Any:
    known = USER[name]
    if known.is_many:
        return []
    if known.values:
        return known.values[0]
    return {STRING: "", BOOL: False}.get(known.type)


DEFAULTS: Mapping[str, Any] = {
    **{name: _default(name) for name, known in USER.items() if not known.is_navigation},
    "Id": 0,
    "Hours": _SCHEDULE,
    "BreakTime": _SCHEDULE,
    "Enabled": True,
    "VMEnabled": True,
    "Language": "EN",
    "PromptSet": "8210986C-9412-497f-AD77-3A554F4A9BDB",
    "CurrentProfileName": "Available",
    "TranscriptionMode": "Inherit",
    "VMEmailOptions": "Notification",
    "Blfs": "<PhoneDevice><BLFS/></PhoneDevice>",
}
# Accepted in a body and ignored: identity, or worked out by the phone system.
COMPUTED = ("Id", "Number", "DisplayName", "IsRegistered", "Tags", "AIAgent")
NAMES = ("FirstName", "LastName")
# The one limit that the official description states.
BLF_LIMIT = 20_480
# Pictures come as text too.
_UNLIMITED = (*NAMES, "Blfs", "ContactImage")
TEXTS = tuple(
    name
    for name, known in USER.items()
    if known.type == STRING and known.is_primitive and not known.values and name not in _UNLIMITED
)
PROFILES = ("Available", "Away", "Out of office", "Custom 1", "Custom 2")
# The options of Pbx.Regenerate that show in a user, with the field of each.
REGENERATED = (
    ("SipAuth", "AuthID"),
    ("SipAuth", "AuthPassword"),
    ("DeskphonePassword", "DeskphonePassword"),
    ("VoicemailPIN", "VMPIN"),
    ("WebclientPassword", "AccessPassword"),
)


def new_secrets() -> dict[str, str]:
    """Generated credentials, other ones each time."""
    return {
        "AuthID": secrets.token_hex(5),
        "AuthPassword": secrets.token_hex(5),
        "AccessPassword": secrets.token_hex(8),
        "DeskphonePassword": secrets.token_hex(5),
        "SIPID": secrets.token_hex(8),
        "VMPIN": str(secrets.randbelow(900_000) + 100_000),
    }


def default_profiles(number: str) -> list[dict[str, Any]]:
    """The five forwarding profiles every new user has, unanswered calls going to their own voicemail."""
    voicemail = {
        "To": "VoiceMail",
        "Number": number,
        "External": "",
        "Type": "Extension",
        "Name": "",
        "Tags": [],
    }
    available = {"NoAnswerAllCalls": True, "NoAnswerInternal": voicemail, "NoAnswerExternal": voicemail}
    away = {"AllHoursInternal": True, "AllHoursExternal": True, "Internal": voicemail, "External": voicemail}
    return [
        {
            **dict.fromkeys(("AvailableRoute", "AwayRoute", "CustomMessage")),
            **dict.fromkeys(
                (
                    "AcceptMultipleCalls", "BlockPushCalls", "DisableRingGroupCalls",
                    "OfficeHoursAutoQueueLogOut", "RingMyMobile",
                ),
                False,
            ),
            "Id": index,
            "Name": name,
            "CustomName": "",
            "NoAnswerTimeout": 20,
            **({"AvailableRoute": available} if name in ("Available", "Custom 1") else {"AwayRoute": away}),
        }
        for index, name in enumerate(PROFILES, start=1)
    ]  # fmt: skip
