"""Short questions to the workers: do directory, 3CX and relay answer, which units and extensions are there.

Called before settings are saved (``values`` is what the form holds) or after (``values`` is ``None``). Settings
travel encrypted; a secret that ``values`` lacks is taken from the stored ones, and goes only where it was stored for.
The audit says who had which address asked, before it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.database import events
from shared.errors import NotFound, SettingsInvalid
from shared.language import phrase
from shared.settings.candidate import candidate, keeping_secrets, section_of
from shared.settings.documents import (
    AttributeSettings,
    DirectorySettings,
    Document,
    NotificationsSettings,
    RelaySettings,
    Section,
)
from shared.settings.store import StoredSettings, public
from shared.worker.context import Context
from shared.worker.questions import ask, seal

Values = Mapping[str, Any] | None
# Whoever asks; ``None`` where Rollcall asks by itself with what is stored, as the doctor does.
Actor = str | None


def test_directory(
    context: Context,
    site_id: str,
    values: Values = None,  # noqa: PT028
    actor: Actor = None,  # noqa: PT028
    directory: str = "",  # noqa: PT028
) -> Any:
    """Whether the directory can be read with these settings, and what was found there.

    ``directory`` is the name of one of the other directories; empty for the first one. So for all questions here.

    :raises WorkerUnavailable: no collector answered in time.
    :raises RollcallError: what is wrong with the settings, the account or the connection.
    """
    return _ask(
        context, site_id, "collector.test_directory", Section.DIRECTORY, values, actor, directory=directory
    )


# Not a test of pytest's, whatever its name begins with.
test_directory.__test__ = False  # type: ignore[attr-defined]


def browse_units(
    context: Context,
    site_id: str,
    base: str = "",
    values: Values = None,
    actor: Actor = None,
    directory: str = "",
) -> Any:
    """The organizational units below ``base`` (the domain when empty).

    :raises RollcallError: as ``test_directory``.
    """
    return _ask(
        context,
        site_id,
        "collector.browse_units",
        Section.DIRECTORY,
        values,
        actor,
        directory=directory,
        base=base,
    )


def list_attributes(
    context: Context, site_id: str, values: Values = None, actor: Actor = None, directory: str = ""
) -> Any:
    """The attributes that people in the directory can have.

    :raises RollcallError: as ``test_directory``.
    """
    return _ask(
        context, site_id, "collector.list_attributes", Section.DIRECTORY, values, actor, directory=directory
    )


def unknown_attributes(
    context: Context,
    site_id: str,
    names: Sequence[str],
    values: Values = None,
    actor: Actor = None,
    directory: str = "",
) -> Any:
    """Those of the attributes that the directory's schema does not have: a sentence with similar ones, by name.

    :raises RollcallError: as ``test_directory``.
    """
    return _ask(
        context,
        site_id,
        "collector.unknown_attributes",
        Section.DIRECTORY,
        values,
        actor,
        directory=directory,
        names=list(names),
    )


def propose_numbers(
    context: Context, site_id: str, values: Values = None, actor: Actor = None, directory: str = ""
) -> Any:
    """What may give the extension number, best first, with the attributes that people have.

    :raises RollcallError: as ``test_directory``.
    """
    return _ask(
        context, site_id, "collector.propose_numbers", Section.DIRECTORY, values, actor, directory=directory
    )


def try_mapping(
    context: Context,
    site_id: str,
    field: str,
    expression: str | None = None,
    values: Values = None,
    actor: Actor = None,
    directory: str = "",
) -> Any:
    """What a field of ``directory.attributes`` would be for real people, beside what it is as stored.

    Without ``expression`` it is what ``values`` have for the field.

    :raises SettingsInvalid: there is no such field, or the expression cannot be used.
    :raises RollcallError: as ``test_directory``.
    """
    if field not in AttributeSettings.model_fields:
        known = ", ".join(AttributeSettings.model_fields)
        raise SettingsInvalid(
            phrase(
                "There is no field '{field}'. The fields are {available}.", field=field[:40], available=known
            )
        )
    stored = context.site_settings(site_id)
    wanted = dict(public(_of_directory(stored, directory, values)) if values is None else values)
    if expression is not None:
        wanted["attributes"] = {**(wanted.get("attributes") or {}), field: expression}
    return _ask(
        context,
        site_id,
        "collector.try_mapping",
        Section.DIRECTORY,
        wanted,
        actor,
        directory=directory,
        field=field,
    )


def test_phone_system(context: Context, site_id: str, values: Values = None, actor: Actor = None) -> Any:  # noqa: PT028
    """Whether 3CX answers with these settings, its version and licence.

    :raises WorkerUnavailable: no relay client answered in time.
    :raises RollcallError: what is wrong with the settings, the rights or the connection.
    """
    return _ask(context, site_id, "relay_client.test_phone_system", Section.PHONE_SYSTEM, values, actor)


test_phone_system.__test__ = False  # type: ignore[attr-defined]


def list_extensions(context: Context, site_id: str, values: Values = None, actor: Actor = None) -> Any:
    """Numbers and names of the phone system's extensions, to choose a template or archive from.

    :raises RollcallError: as ``test_phone_system``.
    """
    return _ask(context, site_id, "relay_client.list_extensions", Section.PHONE_SYSTEM, values, actor)


def list_departments(context: Context, site_id: str) -> Any:
    """Names of the phone system's departments, to choose the one that new ones are like.

    :raises RollcallError: as ``test_phone_system``.
    """
    return _ask(context, site_id, "relay_client.list_departments", Section.PHONE_SYSTEM, None, None)


def test_relay(context: Context, site_id: str, values: Values = None, actor: Actor = None) -> Any:  # noqa: PT028
    """Whether the relay on the phone system's host answers with these settings, and what it found there.

    :raises WorkerUnavailable: no relay client answered in time.
    :raises RollcallError: what is wrong with the address, the key or the pairing.
    """
    return _ask(context, site_id, "relay_client.test_relay", Section.RELAY, values, actor)


test_relay.__test__ = False  # type: ignore[attr-defined]


def test_channel(
    context: Context,
    site_id: str,
    channel: str,
    values: Values = None,  # noqa: PT028
    actor: Actor = None,  # noqa: PT028
) -> Any:
    """Send a test message by a channel of notifications with these settings: where it went.

    :raises WorkerUnavailable: no notifier answered in time.
    :raises RollcallError: why it was not taken.
    """
    return _ask(
        context, site_id, "notifier.test_channel", Section.NOTIFICATIONS, values, actor, channel=channel
    )


test_channel.__test__ = False  # type: ignore[attr-defined]


def _ask(
    context: Context,
    site_id: str,
    task: str,
    section: Section,
    values: Values,
    actor: Actor,
    directory: str = "",
    **arguments: Any,
) -> Any:
    stored = context.site_settings(site_id)
    before = _of_directory(stored, directory, values) if directory else section_of(stored, section)
    document = before
    if values is not None:
        document = (
            keeping_secrets(section, before, values) if directory else candidate(stored, section, values)
        )
    is_elsewhere = document.destinations != before.destinations
    if actor is not None and (is_elsewhere or ".test_" in task):
        # Not the lists that a page shows beside its form.
        note_question(context, site_id, task, document, actor, arguments.get("channel", ""))
    sealed = None if values is None else seal(document, context.encryption)
    return ask(context, task, {"site_id": site_id, "settings": sealed, "directory": directory, **arguments})


def _of_directory(stored: StoredSettings, name: str, values: Values) -> DirectorySettings:
    found = stored.settings.directory_by_key.get(name)
    if found is None and values is None:
        known = ", ".join(filter(None, stored.settings.directory_by_key)) or "none"
        raise NotFound(
            phrase(
                "There is no directory '{name}' in directories.others. There are: {available}.",
                name=name[:80],
                available=known,
            )
        )
    # One that is being added has nothing stored.
    return found or DirectorySettings()


def note_question(
    context: Context, site_id: str, task: str, document: Document, actor: str, channel: str = ""
) -> None:
    """Write to the audit who has which address asked, and what; of notifications, the one of the ``channel``."""
    match document:
        case RelaySettings():
            # A relay is known by its key; where it is asked stands beside it.
            places = [f"{document.host}:{document.port}"]
        case NotificationsSettings():
            places = [document.place_of(channel)]
        case _:
            places = sorted(destination.address for destination in document.destinations)
    details = {"question": task.partition(".")[2], "to": ", ".join(places)[:500]}
    with context.database.begin() as session:
        events.audit(session, site_id, actor=actor, action="connection.tested", details=details)
