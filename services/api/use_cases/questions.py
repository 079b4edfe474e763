"""Short questions to the workers: does the directory answer, which units does it have, is 3CX reachable.

Called before settings are saved (``values`` is what the form holds) or after (``values`` is ``None``). Settings
travel encrypted; a secret that ``values`` lacks is taken from the stored ones.
"""

from collections.abc import Mapping
from typing import Any

from services.api.use_cases.settings import candidate, read_settings
from shared.settings.documents import Section
from shared.worker.context import Context
from shared.worker.questions import ask, seal

Values = Mapping[str, Any] | None


def test_directory(context: Context, site_id: str, values: Values = None) -> Any:  # noqa: PT028
    """Whether the directory can be read with these settings, and what was found there.

    :raises WorkerUnavailable: no collector answered in time.
    :raises RollcallError: what is wrong with the settings, the account or the connection.
    """
    return _ask(context, site_id, "collector.test_directory", Section.DIRECTORY, values)


# Not a test of pytest's, whatever its name begins with.
test_directory.__test__ = False  # type: ignore[attr-defined]


def browse_units(context: Context, site_id: str, base: str = "", values: Values = None) -> Any:
    """The organizational units below ``base`` (the domain when empty).

    :raises RollcallError: as ``test_directory``.
    """
    return _ask(context, site_id, "collector.browse_units", Section.DIRECTORY, values, base=base)


def list_attributes(context: Context, site_id: str, values: Values = None) -> Any:
    """The attributes that people in the directory can have.

    :raises RollcallError: as ``test_directory``.
    """
    return _ask(context, site_id, "collector.list_attributes", Section.DIRECTORY, values)


def test_phone_system(context: Context, site_id: str, values: Values = None) -> Any:  # noqa: PT028
    """Whether 3CX answers with these settings, its version and licence.

    :raises WorkerUnavailable: no relay client answered in time.
    :raises RollcallError: what is wrong with the settings, the rights or the connection.
    """
    return _ask(context, site_id, "relay_client.test_phone_system", Section.PHONE_SYSTEM, values)


test_phone_system.__test__ = False  # type: ignore[attr-defined]


def list_extensions(context: Context, site_id: str, values: Values = None) -> Any:
    """Numbers and names of the phone system's extensions, to choose a template or archive from.

    :raises RollcallError: as ``test_phone_system``.
    """
    return _ask(context, site_id, "relay_client.list_extensions", Section.PHONE_SYSTEM, values)


def _ask(
    context: Context, site_id: str, task: str, section: Section, values: Values, **arguments: Any
) -> Any:
    stored = read_settings(context, site_id)
    sealed = None if values is None else seal(candidate(stored, section, values), context.encryption)
    return ask(context, task, {"site_id": site_id, "settings": sealed, **arguments})
