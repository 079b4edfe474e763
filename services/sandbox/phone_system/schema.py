"""What the entities of the API consist of: names, types and what can be expanded (official OpenAPI of 3CX).

Only the properties the sandbox keeps, of all releases together; ``releases`` says which one has which. Queries are checked against them, and so are bodies, down to the last
nested object: a real system refuses a body with a name it does not know.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

STRING, INT, BOOL, TIME = "Edm.String", "Edm.Int32", "Edm.Boolean", "Edm.DateTimeOffset"
TIME_OF_DAY = "Edm.TimeOfDay"
_PYTHON = {STRING: str, INT: int, BOOL: bool, TIME: str, TIME_OF_DAY: str}
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,12})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Property:
    """One property. ``type`` is empty for a structured one, which is ``of`` some entity (or anything)."""

    type: str = ""
    values: tuple[str, ...] = ()
    of: "Mapping[str, Property] | None" = None
    is_many: bool = False
    is_navigation: bool = False

    @property
    def is_primitive(self) -> bool:
        """Whether a filter may compare it and ``$orderby`` may sort by it."""
        return bool(self.type) and not self.is_many


Entity = Mapping[str, Property]


def accepts(entity: Entity, body: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a body is an object of known properties, each null or of its type."""
    return isinstance(body, dict) and all(
        name in entity and _fits(entity[name], value) for name, value in body.items()
    )


def _fits(known: Property, value: Any) -> bool:
    if value is None:
        return True
    if known.is_many:
        return isinstance(value, list) and all(_fits_one(known, item) for item in value)
    return _fits_one(known, value)


def _fits_one(known: Property, value: Any) -> bool:
    if known.of is not None:
        return accepts(known.of, value)
    if known.values:
        return value in known.values
    if not known.type:
        return isinstance(value, dict)
    if known.type == TIME_OF_DAY:
        return isinstance(value, str) and _TIME_OF_DAY.fullmatch(value) is not None
    return isinstance(value, _PYTHON[known.type]) and not (known.type == INT and isinstance(value, bool))


def _properties(kind: str, names: str) -> dict[str, Property]:
    return dict.fromkeys(names.split(), Property(kind))


def _one(of: Entity, *, is_navigation: bool = False) -> Property:
    return Property(of=of, is_navigation=is_navigation)


def _many(of: Entity, *, is_navigation: bool = True) -> Property:
    return Property(of=of, is_many=True, is_navigation=is_navigation)


PEER_TYPES = (
    "None", "Extension", "Queue", "RingGroup", "IVR", "Fax", "Conference", "SpecialMenu", "Parking",
    "ExternalLine", "Group", "RoutePoint",
)  # fmt: skip
_DESTINATIONS = (
    "None", "VoiceMail", "Extension", "Queue", "RingGroup", "IVR", "External", "Fax", "Boomerang", "Deflect",
    "VoiceMailOfDestination", "Callback", "RoutePoint", "ProceedWithNoExceptions",
)  # fmt: skip
_TAGS = Property(
    STRING,
    ("MS", "Teams", "Google", "WakeUp", "FaxServer", "Principal", "WeakID", "WeakPass", "WM", "AI"),
    is_many=True,
)
_PEER_TYPE = Property(STRING, PEER_TYPES)
_TRANSCRIPTION = Property(STRING, ("Nothing", "Voicemail", "Recordings", "Both", "Inherit"))

RIGHTS: Entity = _properties(STRING, "RoleName") | _properties(
    BOOL,
    "AllowIVR AllowParking AllowToChangePresence AllowToManageCompanyBook AssignClearOperations CanBargeIn"
    " CanIntercom CanSeeGroupCalls CanSeeGroupMembers CanSeeGroupRecordings Invalid PerformOperations ShowMyCalls"
    " ShowMyPresence ShowMyPresenceOutside",
)
USER_GROUP: Entity = (
    _properties(INT, "Id GroupId")
    | _properties(STRING, "Number Name MemberName")
    | _properties(BOOL, "CanDelete")
    | {"Type": _PEER_TYPE, "Tags": _TAGS, "TranscriptionMode": _TRANSCRIPTION}
    | {"Rights": _one(RIGHTS, is_navigation=True), "GroupRights": _one(RIGHTS, is_navigation=True)}
)
DESTINATION: Entity = _properties(STRING, "Number Name External") | {
    "To": Property(STRING, _DESTINATIONS),
    "Type": _PEER_TYPE,
    "Tags": _TAGS,
}
_TO = _one(DESTINATION)
AVAILABLE_ROUTE: Entity = _properties(BOOL, "BusyAllCalls NoAnswerAllCalls NotRegisteredAllCalls") | dict.fromkeys(
    (
        "BusyExternal", "BusyInternal", "NoAnswerExternal", "NoAnswerInternal", "NotRegisteredExternal",
        "NotRegisteredInternal",
    ),
    _TO,
)  # fmt: skip
AWAY_ROUTE: Entity = _properties(BOOL, "AllHoursExternal AllHoursInternal") | {
    "Internal": _TO,
    "External": _TO,
}
PROFILE: Entity = (
    _properties(INT, "Id NoAnswerTimeout")
    | _properties(STRING, "Name CustomName CustomMessage")
    | _properties(
        BOOL,
        "AcceptMultipleCalls BlockPushCalls DisableRingGroupCalls OfficeHoursAutoQueueLogOut RingMyMobile",
    )
    | {"AvailableRoute": _one(AVAILABLE_ROUTE), "AwayRoute": _one(AWAY_ROUTE)}
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
PERIOD: Entity = {
    "DayOfWeek": Property(STRING, _DAYS),
    "Start": Property(TIME_OF_DAY),
    "Stop": Property(TIME_OF_DAY),
}
SCHEDULE: Entity = _properties(BOOL, "IgnoreHolidays") | {
    "Type": Property(
        STRING,
        (
            "AllHours", "OfficeHours", "OutOfOfficeHours", "SpecificHours", "SpecificHoursExcludingHolidays",
            "OutOfSpecificHours", "OutOfSpecificHoursIncludingHolidays", "Never", "BreakTime",
        ),
    ),
    "Periods": _many(PERIOD, is_navigation=False),
}  # fmt: skip
_SCHEDULE = _one(SCHEDULE)
_RULE_PARTS = {
    "Condition": Property(
        STRING,
        ("NoAnswer", "PhoneBusy", "PhoneNotRegistered", "ForwardAll", "BasedOnCallerID", "BasedOnDID"),
    ),
    "CallType": Property(STRING, ("AllCalls", "InternalCallsOnly", "ExternalCallsOnly")),
    "Hours": _SCHEDULE,
}
EXTENSION_RULE: Entity = (
    _properties(INT, "Id") | _properties(STRING, "Data CallerId") | _properties(BOOL, "Enabled") | _RULE_PARTS
) | {"Destination": _TO}
GREETING: Entity = _properties(STRING, "DisplayName Filename") | {
    "Type": Property(STRING, ("Default", "Available", "Away", "OutOfOffice", "Available2", "OutOfOffice2"))
}
PHONE: Entity = (
    _properties(INT, "Id")
    | _properties(STRING, "Interface MacAddress Name ProvisioningLinkExt ProvisioningLinkLocal TemplateName")
    | {"Settings": Property()}
)
USER: Entity = (
    _properties(INT, "Id PrimaryGroupId PinProtectTimeout")
    | _properties(
        STRING,
        "FirstName LastName EmailAddress Mobile Number OutboundCallerID VMPIN DisplayName AuthID AuthPassword"
        " AccessPassword DeskphonePassword SIPID Language PromptSet ContactImage CurrentProfileName"
        " HotdeskingAssignment ClickToCallId WebMeetingFriendlyName EmergencyLocationId EmergencyAdditionalInfo"
        " Blfs",
    )
    | _properties(
        BOOL,
        "Enabled VMEnabled VMDisablePinAuth VMPlayCallerID Internal HideInPhonebook RecordCalls"
        " RecordExternalCallsOnly RecordEmailNotify ForbidRecording AllowOwnRecordings AllowLanOnly BlockTunnel"
        " CallScreening PinProtected PbxDeliversAudio SendEmailMissedCalls Enable2FA Require2FA EnableHotdesking"
        " DatevEnabled AIAgent CallUsEnableChat CallUsEnablePhone CallUsEnableVideo GoogleCalendarEnabled"
        " GoogleContactsEnabled GoogleSignInEnabled MS365CalendarEnabled MS365ContactsEnabled MS365SignInEnabled"
        " MS365TeamsEnabled MyPhoneAllowDeleteRecordings MyPhoneHideForwardings MyPhonePush MyPhoneShowRecordings"
        " WebMeetingApproveParticipants IsRegistered",
    )
    | {
        "VMEmailOptions": Property(
            STRING,
            (
                "None", "Notification", "Attachment", "AttachmentAndDelete", "VmailToMembers",
                "EmailToExtrasOnly",
            ),
        ),
        "VMPlayMsgDateTime": Property(STRING, ("None", "Play12Hr", "Play24Hr")),
        "TranscriptionMode": _TRANSCRIPTION,
        "SRTPMode": Property(STRING, ("SRTPDisabled", "SRTPEnabled", "SRTPEnforced")),
        "CallUsRequirement": Property(STRING, ("Both", "Name", "Email", "None")),
        "QueueStatus": Property(STRING, ("LoggedOut", "LoggedIn")),
        "Tags": _TAGS,
        "AgentSettings": Property(),
        "Hours": _SCHEDULE,
        "BreakTime": _SCHEDULE,
        "OfficeHoursProps": Property(
            STRING, ("GlobalSchedule", "AutoSwitchProfiles", "AutoQueueLogOut", "BlockOutboundCalls"), is_many=True
        ),
        "Groups": _many(USER_GROUP),
        "ForwardingProfiles": _many(PROFILE),
        "ForwardingExceptions": _many(EXTENSION_RULE),
        "Greetings": _many(GREETING),
        "Phones": _many(PHONE),
    }
)  # fmt: skip
ROUTE: Entity = _properties(BOOL, "IsPromptEnabled") | _properties(STRING, "Prompt") | {"Route": _TO}
_ROUTES = dict.fromkeys(("BreakRoute", "HolidaysRoute", "OutOfOfficeRoute"), _one(ROUTE))
GROUP_PROPS: Entity = _properties(
    STRING, "SystemNumberFrom SystemNumberTo TrunkNumberFrom TrunkNumberTo UserNumberFrom UserNumberTo"
)
GROUP: Entity = (
    _properties(INT, "Id")
    | _properties(STRING, "Name Number Language PromptSet TimeZoneId")
    | _properties(BOOL, "IsDefault HasMembers")
    | {"Hours": _SCHEDULE, "BreakTime": _SCHEDULE, "Props": Property(of=GROUP_PROPS)}
    | {"Members": _many(USER_GROUP), "Rights": _many(RIGHTS)}
    | _ROUTES
    | {"OfficeRoute": _one(ROUTE), "CustomOperator": _TO}
)
PEER: Entity = (
    _properties(INT, "Id") | _properties(STRING, "Number Name") | {"Type": _PEER_TYPE, "Tags": _TAGS}
)
AGENT: Entity = _properties(INT, "Id") | _properties(STRING, "Number Name SkillGroup") | {"Tags": _TAGS}
MEMBER: Entity = {name: known for name, known in AGENT.items() if name != "SkillGroup"}
MANAGER: Entity = dict(MEMBER)
QUEUE: Entity = (
    _properties(INT, "Id RingTimeout")
    | _properties(STRING, "Number Name PollingStrategy")
    | {"Agents": _many(AGENT), "Managers": _many(MANAGER), "ForwardNoAnswer": _TO}
    | _ROUTES
)
RING_GROUP: Entity = (
    _properties(INT, "Id RingTime")
    | _properties(STRING, "Number Name RingStrategy")
    | {"Members": _many(MEMBER), "ForwardNoAnswer": _TO}
    | _ROUTES
)
_KEY_ACTION = Property(
    STRING,
    (
        "EndCall", "Extension", "RingGroup", "Queue", "IVR", "VoiceMail", "CallByName", "RepeatPrompt",
        "CustomInput",
    ),
)  # fmt: skip
RECEPTIONIST_FORWARD: Entity = (
    _properties(INT, "Id")
    | _properties(STRING, "Input ForwardDN CustomData")
    | {"ForwardType": _KEY_ACTION, "PeerType": _PEER_TYPE}
)
RECEPTIONIST: Entity = (
    _properties(INT, "Id Timeout")
    | _properties(STRING, "Number Name PromptFilename InvalidKeyForwardDN TimeoutForwardDN")
    | {"TimeoutForwardType": _KEY_ACTION, "TimeoutForwardPeerType": _PEER_TYPE}
    | {"Forwards": _many(RECEPTIONIST_FORWARD)}
    | _ROUTES
)
INBOUND_RULE: Entity = (
    _properties(INT, "Id")
    | _properties(STRING, "RuleName Data CustomData")
    | _properties(BOOL, "AlterDestinationDuringHolidays AlterDestinationDuringOutOfOfficeHours")
    | _RULE_PARTS
    | dict.fromkeys(("OfficeHoursDestination", "OutOfOfficeHoursDestination", "HolidaysDestination"), _TO)
)
RECORDING: Entity = (
    _properties(
        INT, "Id FromDnType ToDnType FromIdParticipant ToIdParticipant RefParticipantId SentimentScore"
    )
    | _properties(TIME, "StartTime EndTime")
    | _properties(
        STRING,
        "FromDn ToDn FromCallerNumber ToCallerNumber FromDisplayName ToDisplayName FromDidNumber ToDidNumber"
        " RecordingUrl ArchivedUrl Transcription Summary",
    )
    | _properties(BOOL, "IsArchived IsTranscribed CanBeTranscribed")
    | {"CallType": Property(STRING, ("Local", "InboundExternal", "OutboundExternal"))}
)
PRINCIPAL: Entity = (
    _properties(INT, "Id")
    | _properties(STRING, "Number")
    | _properties(TIME, "LastUsed")
    | _properties(BOOL, "XAPIEnabled CallControlEnabled IsSystem")
)
PROMPT_SET: Entity = _properties(INT, "Id") | _properties(
    STRING, "PromptSetName Folder LanguageCode CultureCode Description Version"
)
EVENT: Entity = (
    _properties(INT, "Id EventId")
    | _properties(STRING, "Group GroupName Message Source Type")
    | _properties(TIME, "TimeGenerated")
)
DEFS: Entity = _properties(INT, "Id")
SYSTEM_PARAMETERS: Entity = (
    _properties(INT, "ENL")
    | _properties(STRING, "GlobalLanguage GlobalACPRMSET FQDN Version")
    | {"ENLRange": Property()}
)
SYSTEM_STATUS: Entity = (
    _properties(
        INT,
        "Id ExtensionsTotal ExtensionsRegistered UserExtensions MaxUserExtensions MaxSimCalls CallsActive",
    )
    | _properties(STRING, "Version FQDN LicenseKey ProductCode OS")
    | _properties(TIME, "ExpirationDate MaintenanceExpiresAt LastBackupDateTime")
    | _properties(
        BOOL,
        "Activated LicenseActive HasNotRunningServices RecordingQuotaReached VoicemailQuotaReached"
        " DBMaintenanceInProgress BackupScheduled IsAuditLogEnabled",
    )
)
AUDIT_LOG: Entity = (
    _properties(INT, "Id Action ObjectType Source")
    | _properties(STRING, "Ip NewData ObjectName PrevData UserName")
    | _properties(TIME, "Timestamp")
)
DIAL_CODES: Entity = _properties(
    STRING,
    "DialCodeBillingCode DialCodeHideCallerID DialCodeHotdesking DialCodeHotelAccess DialCodeIntercom"
    " DialCodeLoggedInQueue DialCodeLoggedOutQueue DialCodeOutOffice DialCodePark DialCodePickup DialCodeProfileStatus"
    " DialCodeUnpark DialCodeVMail",
)
OUTBOUND_RULE: Entity = (
    _properties(INT, "Id Priority")
    | _properties(STRING, "Name NumberLengthRanges Prefix")
    | _properties(BOOL, "EmergencyRule")
)
MAIL_SETTINGS: Entity = (
    _properties(STRING, "MailAddress MailPassword MailServer MailUser")
    | _properties(BOOL, "CanEditMailServerType MailSslEnabled")
    | {"MailServerType": Property(STRING, ("Tcx", "MS365", "Custom", "GoogleWorkspace"))}
)
# What the API takes for many users at once (Pbx.MultiEditUserData); no names, mail, caller id or PIN.
MULTI_EDIT: Entity = (
    {
        name: known
        for name, known in USER.items()
        if name
        in (
            "AgentSettings AllowLanOnly AllowOwnRecordings Blfs CallScreening DatevEnabled EmergencyAdditionalInfo"
            " EmergencyLocationId Enabled EnableHotdesking ForbidRecording ForwardingExceptions ForwardingProfiles"
            " GoogleCalendarEnabled GoogleContactsEnabled GoogleSignInEnabled Greetings Groups HideInPhonebook Internal"
            " Mobile MS365CalendarEnabled MS365ContactsEnabled MS365SignInEnabled MS365TeamsEnabled"
            " MyPhoneAllowDeleteRecordings MyPhoneHideForwardings MyPhoneShowRecordings Number PbxDeliversAudio"
            " PinProtected PinProtectTimeout PromptSet RecordCalls RecordEmailNotify RecordExternalCallsOnly"
            " SendEmailMissedCalls SRTPMode TranscriptionMode VMDisablePinAuth VMEmailOptions VMEnabled VMPlayCallerID"
            " VMPlayMsgDateTime"
        ).split()
    }
    | _properties(BOOL, "BossSecretaryRequiresFullEdit CanMoveForwardingExceptions")
    | _properties(STRING, "DisplayNumbers")
)
ENTITIES: Mapping[str, Entity] = {
    "AvailableRouting": AVAILABLE_ROUTE,
    "AwayRouting": AWAY_ROUTE,
    "Defs": DEFS,
    "Destination": DESTINATION,
    "DialCodeSettings": DIAL_CODES,
    "EventLog": EVENT,
    "ExtensionRule": EXTENSION_RULE,
    "ForwardingProfile": PROFILE,
    "Greeting": GREETING,
    "Group": GROUP,
    "GroupProps": GROUP_PROPS,
    "InboundRule": INBOUND_RULE,
    "MailSettings": MAIL_SETTINGS,
    "MultiEditUserData": MULTI_EDIT,
    "OutboundRule": OUTBOUND_RULE,
    "AuditLog": AUDIT_LOG,
    "Peer": PEER,
    "Period": PERIOD,
    "Phone": PHONE,
    "PromptSet": PROMPT_SET,
    "Queue": QUEUE,
    "QueueAgent": AGENT,
    "QueueManager": MANAGER,
    "Receptionist": RECEPTIONIST,
    "ReceptionistForward": RECEPTIONIST_FORWARD,
    "Recording": RECORDING,
    "Rights": RIGHTS,
    "RingGroup": RING_GROUP,
    "RingGroupMember": MEMBER,
    "Route": ROUTE,
    "Schedule": SCHEDULE,
    "ServicePrincipal": PRINCIPAL,
    "SystemParameters": SYSTEM_PARAMETERS,
    "SystemStatus": SYSTEM_STATUS,
    "User": USER,
    "UserGroup": USER_GROUP,
}
