"""Accounts: who may sign in, and with which rights. For managers."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from services.api.access import accounts, group_members, sessions
from services.api.access.factors import owned
from services.api.access.openid import people as openid
from services.api.access.passwords.strength import SHORTEST
from services.api.access.rules import read_rules
from services.api.access.sessions import SignInRefused
from services.api.access.site_roles import in_words, roles_of
from services.api.console.rendering import link, page
from services.api.console.request import FormDep, address_of, text_of
from services.api.console.scope import AllSitesManagerDep
from services.api.console.words import Words
from services.api.sites.use_cases.sites import list_sites
from services.api.web.dependencies import ContextDep
from shared.database.tables import AccountRole, AccountSource
from shared.errors import Conflict, NotFound, SettingsInvalid
from shared.language import declared, listed, phrase
from shared.settings.documents import PasswordType, SignInSettings
from shared.worker.context import Context

router = APIRouter(prefix="/accounts")
_SOURCES = Words(
    {
        AccountSource.PHONE_SYSTEM.value: "Voicemail PIN",
        AccountSource.DIRECTORY.value: "Directory password",
        AccountSource.DIRECTORY_ACCOUNT.value: "AD account",
        AccountSource.OPENID.value: "Single sign-on",
    }
)
# What a form sends for no role.
_NO_ROLE = "none"
AccountId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("")
def show_accounts(request: Request, context: ContextDep, _visitor: AllSitesManagerDep) -> Response:
    """The list, with the form for another one."""
    return _page(request, context, {}, "")


@router.post("")
def create_account(
    request: Request, context: ContextDep, visitor: AllSitesManagerDep, form: FormDep
) -> Response:
    """Make an account."""
    given = {name: text_of(form, name) for name in ("name", "display_name", "role", "site")}
    try:
        accounts.create_account(
            context,
            given["name"],
            given["display_name"],
            _role(given["role"]),
            text_of(form, "password"),
            visitor.actor,
            given["site"] or None,
        )
    except (SettingsInvalid, Conflict, NotFound) as error:
        return _page(request, context, given, error.message)
    return _back()


@router.post("/{account_id}/role")
def change_role(
    context: ContextDep, visitor: AllSitesManagerDep, account_id: AccountId, form: FormDep
) -> Response:
    """Give the account another role, at one site or at all."""
    asked, site_id = text_of(form, "role"), text_of(form, "site") or None
    role = None if asked == _NO_ROLE else _role(asked)
    accounts.change_role(context, account_id, role, visitor.actor, site_id)
    return _back()


@router.post("/{account_id}/password")
def set_password(
    request: Request, context: ContextDep, visitor: AllSitesManagerDep, account_id: AccountId, form: FormDep
) -> Response:
    """Give the account another password, by somebody who shows their own once more."""
    try:
        sessions.check_again(context, visitor, text_of(form, "own_password"), address_of(request))
        accounts.set_password(context, account_id, text_of(form, "password"), visitor.actor)
    except (SettingsInvalid, SignInRefused) as error:
        return _page(request, context, {}, error.message)
    return _back()


@router.post("/{account_id}/second-factor/reset")
def reset_second_factor(
    request: Request, context: ContextDep, visitor: AllSitesManagerDep, account_id: AccountId, form: FormDep
) -> Response:
    """Forget the second factors of somebody else, by somebody who shows their own password once more."""
    if account_id == visitor.account_id:
        raise Conflict(
            declared(
                "You cannot reset your own second factor. Ask another manager, or run `rollcall console "
                "reset-second-factor` on Rollcall's host."
            )
        )
    try:
        sessions.check_again(context, visitor, text_of(form, "own_password"), address_of(request))
    except SignInRefused as refused:
        return _page(request, context, {}, refused.message)
    owned.reset(context, account_id, visitor.actor)
    return _back()


@router.post("/{account_id}/disable")
def disable(context: ContextDep, visitor: AllSitesManagerDep, account_id: AccountId) -> Response:
    """Let nobody sign in with the account any more."""
    accounts.disable(context, account_id, visitor.actor)
    return _back()


@router.post("/{account_id}/enable")
def enable(context: ContextDep, visitor: AllSitesManagerDep, account_id: AccountId) -> Response:
    """Let the account sign in again."""
    accounts.enable(context, account_id, visitor.actor)
    return _back()


def _page(request: Request, context: Context, given: dict[str, str], refused: str) -> Response:
    return page(
        request,
        "accounts.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        accounts=accounts.list_accounts(context),
        roles=[*AccountRole],
        no_role=_NO_ROLE,
        sites=list_sites(context),
        held=lambda account: in_words(roles_of(account)),
        given={"name": "", "display_name": "", "role": AccountRole.VIEWER.value, "site": ""} | given,
        refused=refused,
        shortest=SHORTEST,
        sources=_SOURCES,
        called=sessions.called,
        protected=owned.accounts_with_factors(context),
        how=_how(read_rules(context, SignInSettings).settings),
        has_groups=group_members.is_on(context),
        has_single_sign_on=openid.is_on(context),
    )


def _how(settings: SignInSettings) -> str:
    """Who comes in without an account made here."""
    if settings.password_type is PasswordType.OWN:
        return declared(
            "People sign in with the accounts below. To also allow extensions with their PIN or "
            "directory password:"
        )
    password = (
        "PIN" if settings.password_type is PasswordType.VOICEMAIL_PIN else declared("directory password")
    )
    managers = [
        *(["extension " + ", ".join(settings.managers)] if settings.managers else []),
        *(
            [phrase("whoever is {roles} in 3CX", roles=" or ".join(settings.manager_roles))]
            if settings.manager_roles
            else []
        ),
    ]
    operators = ", ".join(settings.operators) or "none"
    others = (
        declared("Everyone else with an extension has read access.")
        if settings.others_may_view
        else declared("Nobody else can sign in.")
    )
    return phrase(
        "People sign in with extension and {password}. Managers: {managers}. Operators: {operators}. "
        "{others}",
        password=password,
        managers=listed(managers, " and ") or declared("none"),
        operators=operators,
        others=others,
    )


def _role(text: str) -> AccountRole:
    if text not in [*AccountRole]:
        raise NotFound(
            phrase(
                "There is no role '{role}'. The roles are {roles}.",
                role=text[:40],
                roles=", ".join(AccountRole),
            )
        )
    return AccountRole(text)


def _back() -> Response:
    return RedirectResponse(link("/accounts"), HTTPStatus.SEE_OTHER)
