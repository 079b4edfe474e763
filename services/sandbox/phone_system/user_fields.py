"""The fields of a 3CX user (official OpenAPI: Pbx.User), with what a new one has in each."""

from typing import Any

SECRETS = ("AuthPassword", "AccessPassword", "DeskphonePassword", "VMPIN", "SIPID", "AuthID")

_TEXTS = (
    "FirstName LastName EmailAddress Mobile Number OutboundCallerID VMPIN DisplayName AuthID AuthPassword "
    "AccessPassword DeskphonePassword SIPID Language PromptSet ContactImage CurrentProfileName "
    "HotdeskingAssignment ClickToCallId WebMeetingFriendlyName EmergencyLocationId EmergencyAdditionalInfo Blfs"
).split()
_TRUTHS = (
    "Enabled VMEnabled VMDisablePinAuth VMPlayCallerID Internal HideInPhonebook RecordCalls "
    "RecordExternalCallsOnly RecordEmailNotify ForbidRecording AllowOwnRecordings AllowLanOnly BlockTunnel "
    "CallScreening PinProtected PbxDeliversAudio SendEmailMissedCalls Enable2FA Require2FA EnableHotdesking "
    "DatevEnabled AIAgent CallUsEnableChat CallUsEnablePhone CallUsEnableVideo GoogleCalendarEnabled "
    "GoogleContactsEnabled GoogleSignInEnabled MS365CalendarEnabled MS365ContactsEnabled MS365SignInEnabled "
    "MS365TeamsEnabled MyPhoneAllowDeleteRecordings MyPhoneHideForwardings MyPhonePush MyPhoneShowRecordings "
    "WebMeetingApproveParticipants IsRegistered"
).split()
_ENUMS: dict[str, tuple[str, ...]] = {
    "VMEmailOptions": (
        "None", "Notification", "Attachment", "AttachmentAndDelete", "VmailToMembers", "EmailToExtrasOnly",
    ),
    "VMPlayMsgDateTime": ("None", "Play12Hr", "Play24Hr"),
    "TranscriptionMode": ("Nothing", "Voicemail", "Recordings", "Both", "Inherit"),
    "SRTPMode": ("SRTPDisabled", "SRTPEnabled", "SRTPEnforced"),
    "CallUsRequirement": ("Both", "Name", "Email", "None"),
    "QueueStatus": ("LoggedOut", "LoggedIn"),
}  # fmt: skip
_OTHERS: dict[str, Any] = {
    "Id": 0,
    "PrimaryGroupId": None,
    "PinProtectTimeout": None,
    "Tags": [],
    "AgentSettings": None,
    "Hours": {"Type": "OfficeHours", "IgnoreHolidays": False, "Periods": []},
    "BreakTime": {"Type": "OfficeHours", "IgnoreHolidays": False, "Periods": []},
    "OfficeHoursProps": [],
}

DEFAULTS: dict[str, Any] = (
    dict.fromkeys(_TEXTS, "")
    | dict.fromkeys(_TRUTHS, False)
    | {name: values[0] for name, values in _ENUMS.items()}
    | _OTHERS
    | {
        "Enabled": True,
        "VMEnabled": True,
        "Language": "EN",
        "PromptSet": "8210986C-9412-497f-AD77-3A554F4A9BDB",
        "CurrentProfileName": "Available",
        "SRTPMode": "SRTPDisabled",
        "TranscriptionMode": "Inherit",
        "VMEmailOptions": "Notification",
        "Blfs": "<PhoneDevice><BLFS/></PhoneDevice>",
    }
)
# What $filter, $orderby and $select may name.
FIELDS = frozenset(DEFAULTS)
COLLECTIONS = ("Groups", "ForwardingProfiles", "ForwardingExceptions", "Phones", "Greetings")
_CHILD = frozenset({"Id", "GroupId", "Number", "Name", "MemberName", "Type", "CanDelete", "CustomName"})
NAVIGATION = dict.fromkeys(COLLECTIONS, _CHILD)
# Accepted in a body, and what of it is ignored or computed by the phone system.
WRITABLE = FIELDS | frozenset(COLLECTIONS)
COMPUTED = ("Id", "DisplayName", "IsRegistered", "QueueStatus", "Tags", "AIAgent")
LIMITED_NAMES = ("FirstName", "LastName")
LIMITED_TEXTS = ("EmailAddress", "Mobile", "OutboundCallerID")


def is_of_type(name: str, value: Any) -> bool:
    """Whether a value in a body has the type of its field; null is allowed for all but the number's digits."""
    if value is None:
        return True
    if name in _ENUMS:
        return value in _ENUMS[name]
    if name in _TRUTHS:
        return isinstance(value, bool)
    if name in _TEXTS:
        return isinstance(value, str)
    if name in COLLECTIONS or name in ("Tags", "OfficeHoursProps"):
        return isinstance(value, list)
    if name in ("Id", "PrimaryGroupId", "PinProtectTimeout"):
        return isinstance(value, int)
    return isinstance(value, dict)


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
    profiles = []
    for index, name in enumerate(("Available", "Away", "Out of office", "Custom 1", "Custom 2")):
        route: dict[str, Any] = (
            {
                "AvailableRoute": {
                    "NoAnswerAllCalls": True,
                    "NoAnswerInternal": voicemail,
                    "NoAnswerExternal": voicemail,
                }
            }
            if index in (0, 3)
            else {
                "AwayRoute": {
                    "AllHoursInternal": True,
                    "AllHoursExternal": True,
                    "Internal": voicemail,
                    "External": voicemail,
                }
            }
        )
        profiles.append({"Id": index + 1, "Name": name, "CustomName": "", "NoAnswerTimeout": 20, **route})
    return profiles
