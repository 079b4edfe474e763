"""People who sign in with their extension: proven by the phone system or the directory, with rights from the settings.

Their account is made at the first sign-in and named after the extension.
"""

import re
from datetime import datetime

from services.api.access.external_identity import ExternalIdentity, NotLetIn, Source, let_in
from services.api.access.passwords import external as external
from services.api.access.passwords.external import Found
from services.api.access.rights import role_of
from services.api.access.rules import read_rules
from services.api.access.site_roles import of_extension
from shared.database.tables import Account, AccountSource, ConsoleSession
from shared.settings.documents import PasswordType, SignInSettings
from shared.worker.context import Context

_LONGEST = 200
_NUMBER = re.compile(r"[0-9]{2,10}")
_LONGEST_LOGIN = 256
_SOURCES = {
    PasswordType.VOICEMAIL_PIN: AccountSource.PHONE_SYSTEM,
    PasswordType.DIRECTORY: AccountSource.DIRECTORY,
}
_NO_RIGHTS = "the settings give them no rights (Settings, Password)"


def is_number(name: str) -> bool:
    """Whether the name can be an extension."""
    return _NUMBER.fullmatch(name) is not None


def prove(context: Context, settings: SignInSettings, name: str, password: str, address: str) -> Account:
    """The account of whoever has this extension (or login) and password.

    :raises NotLetIn: name and password do not belong together, or to somebody without rights.
    :raises CannotAsk: the phone system or the directory does not say.
    """
    is_pin = settings.password_type is PasswordType.VOICEMAIL_PIN
    if not 1 <= len(password) <= _LONGEST or len(name) > _LONGEST_LOGIN:
        raise NotLetIn
    if is_pin and not is_number(name):
        raise NotLetIn
    found = external.check(context, settings, name, password)
    return let_in(context, _identity(settings, found), address)


def sources() -> dict[AccountSource, Source]:
    """What is asked again of people who came in this way."""

    def _source(kind: PasswordType) -> Source:
        def _is_on(context: Context) -> bool:
            return read_rules(context, SignInSettings).settings.password_type is kind

        return Source(_is_on, _since, _look_again)

    return {source: _source(kind) for kind, source in _SOURCES.items()}


def _since(context: Context) -> datetime | None:
    return read_rules(context, SignInSettings).changed_at


def _look_again(context: Context, row: ConsoleSession, account: Account, now: datetime) -> ExternalIdentity:
    settings = read_rules(context, SignInSettings).settings
    found = external.look_again(context, settings, account.name)
    identity = _identity(settings, found)
    if found.number:
        return identity
    return ExternalIdentity(
        account.name, account.display_name, None, found.refused, identity.source, None,
        f"extension {account.name} ({account.display_name})",
    )  # fmt: skip


def _identity(settings: SignInSettings, found: Found) -> ExternalIdentity:
    roles = of_extension(role_of(settings, found.number, found.roles))
    return ExternalIdentity(
        found.number,
        found.name,
        roles,
        found.refused or ("" if roles else _NO_RIGHTS),
        _SOURCES[settings.password_type],
        # Not what was typed: people type passwords into the wrong field.
        called=f"extension {found.number} ({found.name})" if found.number else "somebody unknown",
    )
