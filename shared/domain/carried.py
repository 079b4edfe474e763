"""What belongs to an extension, and what becomes of each thing: from a template, under a new number, at a take-over.

The one list that templates, renumbering, the comparison with a template and the documentation go by. 3CX changes no
number, so a new number is a new extension: whatever is not taken along is lost with the old one. At a take-over the
extension stays, and nearly everything with it. Names are those of 3CX's Configuration API. Pure.
"""

from dataclasses import dataclass
from enum import StrEnum


class FromTemplate(StrEnum):
    """What an extension made from a template gets of the template's."""

    COPIED = "copied"
    UNLESS_OWN = "copied, unless it holds the template's own number"
    DEFAULTS = "copied where the template has the system's default"
    BY_UNIT = "copied when the unit says so"
    DIRECTORY = "from the directory"
    PLACED = "the template's, or from the directory (department rules)"
    NEW = "made by 3CX"
    NO = "not copied"


class ToNewNumber(StrEnum):
    """What the extension under the new number gets of the old one's."""

    COPIED = "copied"
    DEFAULTS = "copied where it is the system's default"
    MOVED = "moved"
    POINTED = "changed to the new number"
    DIRECTORY = "from the directory"
    PLACED = "copied; departments as the rules want them"
    NEW = "made by 3CX"
    LOST = "not carried over"


class AtTakeOver(StrEnum):
    """What becomes of it when a successor takes the extension over."""

    STAYS = "stays"
    DIRECTORY = "the successor's, from the directory"
    ARCHIVED = "archived before, where archiving is on"


class Shape(StrEnum):
    """How a property of something else names an extension."""

    PEOPLE = "people"
    DESTINATION = "destination"
    DESTINATIONS = "destinations"
    NUMBER = "number"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Belonging:
    """One thing, in words (``label``), with what becomes of it and ``why`` where that is no plain copy.

    ``field`` is a property of ``entity`` in 3CX: of the user, or of something else that names the extension in the way
    of ``shape``. It is empty for what the API does not give at all.
    """

    field: str
    label: str
    template: FromTemplate = FromTemplate.COPIED
    new_number: ToNewNumber = ToNewNumber.COPIED
    why: str = ""
    entity: str = "User"
    shape: Shape | None = None
    take_over: AtTakeOver = AtTakeOver.STAYS


def _settings(text: str) -> list[Belonging]:
    """Plain settings, copied always: one on a line, the property and the words for it."""
    return [
        Belonging(field, label)
        for field, _space, label in (line.strip().partition(" ") for line in text.strip().splitlines())
    ]


def _elsewhere(entity: str, field: str, label: str, shape: Shape) -> Belonging:
    """A place in something else that names the extension; nothing of it is the template's to give."""
    why = "Only the template is meant there, not every extension created from it."
    return Belonging(field, label, FromTemplate.NO, ToNewNumber.POINTED, why, entity, shape)


USER, OTHER_USER = "User", "Other user"
_CREDENTIAL = "Secrets belong to one person; 3CX makes them and is not asked for them."
_STATE = "It is a state that 3CX works out."

BELONGINGS: tuple[Belonging, ...] = (
    # --- who it is ---------------------------------------------------------------------------------------
    Belonging("Number", "number", FromTemplate.DIRECTORY, ToNewNumber.DIRECTORY),
    Belonging("FirstName", "first name", FromTemplate.DIRECTORY, ToNewNumber.DIRECTORY,
              take_over=AtTakeOver.DIRECTORY),
    Belonging("LastName", "last name", FromTemplate.DIRECTORY, ToNewNumber.DIRECTORY,
              take_over=AtTakeOver.DIRECTORY),
    Belonging("EmailAddress", "e-mail", FromTemplate.DIRECTORY, ToNewNumber.MOVED,
              "3CX takes an address once. The old extension is freed of it just before.",
              take_over=AtTakeOver.DIRECTORY),
    Belonging("Mobile", "mobile number", FromTemplate.DIRECTORY, ToNewNumber.COPIED,
              "The directory's, where it is synchronised.", take_over=AtTakeOver.DIRECTORY),
    Belonging("Enabled", "whether it is in service", FromTemplate.DIRECTORY, ToNewNumber.COPIED,
              "What was disabled by hand stays so.", take_over=AtTakeOver.DIRECTORY),
    Belonging("Groups", "departments, with role and rights", FromTemplate.PLACED, ToNewNumber.PLACED,
              "Roles are limited to those that the phone system's settings allow. Personal favourites, "
              "which 3CX keeps as "
              "groups, are left alone.", take_over=AtTakeOver.DIRECTORY),
    Belonging("PrimaryGroupId", "primary department", FromTemplate.PLACED, ToNewNumber.PLACED,
              take_over=AtTakeOver.DIRECTORY),
    Belonging("ContactImage", "picture", FromTemplate.NO, ToNewNumber.COPIED, "It shows one person."),
    # --- settings ----------------------------------------------------------------------------------------
    *_settings("""
        VMEnabled voicemail
        VMEmailOptions voicemail by e-mail
        VMPlayCallerID whether voicemail says the caller's number
        VMPlayMsgDateTime whether voicemail says date and time
        VMDisablePinAuth voicemail without PIN
        TranscriptionMode transcription
        RecordCalls recording of calls
        RecordExternalCallsOnly recording of external calls only
        RecordEmailNotify e-mail about recordings
        ForbidRecording recording forbidden
        AllowOwnRecordings access to own recordings
        CallScreening call screening
        PinProtected PIN for outbound calls
        PinProtectTimeout how long the PIN for outbound calls holds
        PbxDeliversAudio whether 3CX delivers audio
        SRTPMode encrypted audio
        AllowLanOnly use in the local network only
        BlockTunnel use outside the office blocked
        Internal internal calls only
        HideInPhonebook hidden in the phonebook
        MyPhoneAllowDeleteRecordings deletion of own recordings
        MyPhoneHideForwardings forwarding hidden in the apps
        MyPhonePush push messages
        MyPhoneShowRecordings recordings shown in the apps
        MS365CalendarEnabled Microsoft 365 calendar
        MS365ContactsEnabled Microsoft 365 contacts
        MS365SignInEnabled Microsoft 365 sign-in
        MS365TeamsEnabled Microsoft Teams
        GoogleCalendarEnabled Google calendar
        GoogleContactsEnabled Google contacts
        GoogleSignInEnabled Google sign-in
        CallUsEnableChat chat by the public link
        CallUsEnablePhone calls by the public link
        CallUsEnableVideo video by the public link
        CallUsRequirement what visitors of the public link must say
        DatevEnabled DATEV
        SendEmailMissedCalls e-mail about missed calls
        WebMeetingApproveParticipants approval of participants in meetings
        Language language
        PromptSet prompts
        Hours office hours
        BreakTime break time
        OfficeHoursProps what happens at office hours
        Require2FA two-factor sign-in required
        EnableHotdesking hot desking
        EmergencyLocationId emergency location
        EmergencyAdditionalInfo note on the emergency location
    """),
    Belonging("Blfs", "BLF keys", why="A key that shows the template's or the old number shows the new one."),
    Belonging("ForwardingProfiles", "forwarding",
              why="Where it leads to the template's or the old number itself, it leads to the new one."),
    Belonging("ForwardingExceptions", "exceptions of forwarding", why="As with forwarding."),
    Belonging("OutboundCallerID", "outbound caller id", FromTemplate.UNLESS_OWN, ToNewNumber.COPIED,
              "A template's own direct number, one that an inbound rule leads to it, is nobody else's."),
    Belonging("Greetings", "greetings", FromTemplate.DEFAULTS, ToNewNumber.DEFAULTS,
              "Recorded greetings are files that the API gives nobody a way to put there: they must be "
              "recorded or "
              "uploaded again."),
    Belonging("AgentSettings", "AI agent", FromTemplate.NO, ToNewNumber.COPIED,
              "An AI agent has instructions of its own."),
    Belonging("AIAgent", "whether it is an AI agent", FromTemplate.NO, ToNewNumber.NEW, _STATE),
    # --- the person's own --------------------------------------------------------------------------------
    Belonging("VMPIN", "voicemail PIN", FromTemplate.NEW, ToNewNumber.COPIED,
              "A secret: never a template's; the same person keeps it under the new number."),
    Belonging("Enable2FA", "two-factor sign-in switched on", FromTemplate.NO, ToNewNumber.COPIED,
              "The key in the person's app cannot be read: they set the app up again."),
    Belonging("WebMeetingFriendlyName", "public meeting link", FromTemplate.NO, ToNewNumber.MOVED,
              "3CX takes a link once. The old extension is freed of it just before."),
    Belonging("ClickToCallId", "public call link", FromTemplate.NO, ToNewNumber.MOVED,
              "3CX takes a link once. The old extension is freed of it just before."),
    Belonging("CurrentProfileName", "present status", FromTemplate.NO, ToNewNumber.COPIED, "It changes by the hour."),
    Belonging("QueueStatus", "whether signed in to queues", FromTemplate.NO, ToNewNumber.COPIED,
              "It changes by the hour."),
    Belonging("HotdeskingAssignment", "present hot desk", FromTemplate.NO, ToNewNumber.LOST,
              "Sign in at the hot desk again."),
    Belonging("Phones", "phones", FromTemplate.NO, ToNewNumber.MOVED,
              "A phone belongs to one extension: it is taken off the old one, given to the new one, and "
              "told to fetch its "
              "settings."),
    # --- made by 3CX -------------------------------------------------------------------------------------
    Belonging("AuthID", "name of the phone's sign-in", FromTemplate.NEW, ToNewNumber.NEW, _CREDENTIAL),
    Belonging("AuthPassword", "password of the phone's sign-in", FromTemplate.NEW, ToNewNumber.NEW, _CREDENTIAL),
    Belonging("AccessPassword", "password of apps and web client", FromTemplate.NEW, ToNewNumber.NEW, _CREDENTIAL),
    Belonging("DeskphonePassword", "password of the phone's own page", FromTemplate.NEW, ToNewNumber.NEW, _CREDENTIAL),
    Belonging("SIPID", "SIP id", FromTemplate.NEW, ToNewNumber.NEW, _CREDENTIAL),
    Belonging("Id", "id in 3CX", FromTemplate.NEW, ToNewNumber.NEW),
    Belonging("DisplayName", "name shown", FromTemplate.NEW, ToNewNumber.NEW, "3CX puts it together."),
    Belonging("IsRegistered", "whether a phone is signed in", FromTemplate.NO, ToNewNumber.NEW, _STATE),
    Belonging("Tags", "marks", FromTemplate.NO, ToNewNumber.NEW, _STATE),
    # --- in queues and ring groups -----------------------------------------------------------------------
    Belonging("Agents", "agent of queues", FromTemplate.BY_UNIT, ToNewNumber.POINTED,
              "The setting is template_memberships of the unit. A new number is added beside the old one, "
              "which goes last.",
              "Queue", Shape.PEOPLE),
    Belonging("Managers", "manager of queues", FromTemplate.NO, ToNewNumber.POINTED,
              "A template must not make everyone a manager.", "Queue", Shape.PEOPLE),
    Belonging("Members", "member of ring groups", FromTemplate.BY_UNIT, ToNewNumber.POINTED,
              "As with queues.", "RingGroup", Shape.PEOPLE),
    # --- wherever else the number stands -----------------------------------------------------------------
    *(
        _elsewhere(entity, field, f"{label} of {of}", Shape.DESTINATION)
        for entity, of in (("Queue", "queues"), ("RingGroup", "ring groups"))
        for field, label in (
            ("ForwardNoAnswer", "destination when nobody answers"),
            ("OutOfOfficeRoute", "destination out of hours"),
            ("HolidaysRoute", "destination on holidays"),
            ("BreakRoute", "destination in breaks"),
        )
    ),
    _elsewhere("InboundRule", "OfficeHoursDestination", "direct numbers (inbound rules)", Shape.DESTINATION),
    _elsewhere("InboundRule", "OutOfOfficeHoursDestination", "direct numbers out of hours", Shape.DESTINATION),
    _elsewhere("InboundRule", "HolidaysDestination", "direct numbers on holidays", Shape.DESTINATION),
    _elsewhere("Receptionist", "Forwards", "keys of IVRs", Shape.DESTINATIONS),
    _elsewhere("Receptionist", "TimeoutForwardDN", "destination of IVRs after waiting", Shape.NUMBER),
    _elsewhere("Receptionist", "InvalidKeyForwardDN", "destination of IVRs after a wrong key", Shape.NUMBER),
    _elsewhere("Receptionist", "OutOfOfficeRoute", "destination of IVRs out of hours", Shape.DESTINATION),
    _elsewhere("Receptionist", "HolidaysRoute", "destination of IVRs on holidays", Shape.DESTINATION),
    _elsewhere("Receptionist", "BreakRoute", "destination of IVRs in breaks", Shape.DESTINATION),
    _elsewhere("Group", "OfficeRoute", "destination of departments", Shape.DESTINATION),
    _elsewhere("Group", "OutOfOfficeRoute", "destination of departments out of hours", Shape.DESTINATION),
    _elsewhere("Group", "HolidaysRoute", "destination of departments on holidays", Shape.DESTINATION),
    _elsewhere("Group", "BreakRoute", "destination of departments in breaks", Shape.DESTINATION),
    _elsewhere("Group", "CustomOperator", "operator of departments", Shape.DESTINATION),
    _elsewhere(OTHER_USER, "Blfs", "BLF keys of others", Shape.KEYS),
    _elsewhere(OTHER_USER, "ForwardingProfiles", "forwarding of others", Shape.DESTINATIONS),
    _elsewhere(OTHER_USER, "ForwardingExceptions", "exceptions of forwarding of others", Shape.DESTINATIONS),
    # --- what the API does not give ----------------------------------------------------------------------
    Belonging("", "voicemail messages and recordings", FromTemplate.NO, ToNewNumber.LOST,
              "No API moves them. They are archived where archiving is on.", take_over=AtTakeOver.ARCHIVED),
    Belonging("", "call history, chats and statistics", FromTemplate.NO, ToNewNumber.LOST,
              "3CX keeps them under the old number."),
    Belonging("", "personal contacts and favourites", FromTemplate.NO, ToNewNumber.LOST,
              "The API gives them to nobody but their owner."),
    Belonging("", "outbound rules and call flow scripts that name the number", FromTemplate.NO, ToNewNumber.LOST,
              "Rules name ranges of numbers and scripts are programs: an administrator looks at them."),
)  # fmt: skip

_LOST_IN_GENERAL = (
    "recorded greetings, the present hot desk, sign-in passwords, personal contacts, the history of calls "
    "and chats, and "
    "outbound rules and call flow scripts that name the number"
)
RENUMBERING_SAYS = (
    "Settings, phones, queues, ring groups, direct numbers and the keys of others go along. Not carried "
    "over: "
    f"{_LOST_IN_GENERAL}."
)


def from_template(*ways: FromTemplate) -> tuple[str, ...]:
    """The properties of a user that an extension gets from a template in one of these ways, in the order of the list."""
    return tuple(each.field for each in _OF_USERS if each.template in ways)


def to_new_number(*ways: ToNewNumber) -> tuple[str, ...]:
    """The same for an extension under a new number."""
    return tuple(each.field for each in _OF_USERS if each.new_number in ways)


def label_of(field: str) -> str:
    """The words for a property of a user; the property itself where the list has none."""
    return next((each.label for each in _OF_USERS if each.field == field), field)


_OF_USERS = tuple(each for each in BELONGINGS if each.entity == USER and each.field)


def as_table() -> str:
    """The list as a table of Markdown, for docs/templates.md."""
    rows = [
        (
            f"{each.label} (`{each.field}`)" if each.field else each.label,
            each.template.value,
            each.new_number.value,
            each.take_over.value,
            each.why,
        )
        for each in BELONGINGS
    ]
    head = ("What", "From a template", "Under a new number", "At a take-over", "Why")
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line).rstrip()} |\n" for line in lines)
