"""Passwords that others keep: the phone system's voicemail PIN, the directory's password. Asked through a worker.

What was typed travels encrypted and is neither stored nor logged on the way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from services.api.access.external_identity import CannotAsk
from shared.errors import RollcallError
from shared.settings.documents import PasswordType, SignInSettings
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context
from shared.worker.questions import ask

log = structlog.get_logger(__name__)

_CHECK: Mapping[PasswordType, str] = {
    PasswordType.VOICEMAIL_PIN: "relay_client.check_pin",
    PasswordType.DIRECTORY: "collector.check_password",
}
_LOOK_UP: Mapping[PasswordType, str] = {
    PasswordType.VOICEMAIL_PIN: "relay_client.look_up_extension",
    PasswordType.DIRECTORY: "collector.look_up_person",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Whose extension it is. ``refused`` says in words why they are not let in, and is empty when they are.

    ``number`` is empty when there is no such extension.
    """

    number: str
    name: str
    roles: tuple[str, ...]
    refused: str


def check(context: Context, settings: SignInSettings, name: str, password: str) -> Found:
    """Who the name belongs to, and whether the password is theirs.

    :raises CannotAsk: the phone system or the directory does not say.
    """
    secret = context.encryption.encrypt(password)
    return _found(context, settings, _CHECK[settings.password_type], {"name": name, "secret": secret})


def look_again(context: Context, settings: SignInSettings, number: str) -> Found:
    """As ``check`` for somebody who has proven themselves before: do they still have the extension?

    :raises CannotAsk: the phone system or the directory does not say.
    """
    return _found(context, settings, _LOOK_UP[settings.password_type], {"name": number})


def _found(context: Context, settings: SignInSettings, task: str, arguments: dict[str, Any]) -> Found:
    found = _ask(context, task, arguments)
    if settings.password_type is PasswordType.DIRECTORY and settings.manager_roles and not found.refused:
        # The directory knows nothing of roles in 3CX.
        held = _ask(context, _LOOK_UP[PasswordType.VOICEMAIL_PIN], {"name": found.number})
        found = replace(found, roles=held.roles if not held.refused else ())
    return found


def _ask(context: Context, task: str, arguments: dict[str, Any]) -> Found:
    try:
        answer = ask(context, task, {"site_id": DEFAULT_SITE, **arguments})
    except RollcallError as error:
        log.warning("cannot_check_sign_in", task=task, code=error.code, error=error.message)
        raise CannotAsk from error
    return Found(answer["number"], answer["name"], tuple(answer["roles"]), answer["refused"])
