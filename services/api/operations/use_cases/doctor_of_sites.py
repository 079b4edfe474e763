"""What a site's directory, phone system and relay are like, seen by the workers that use them: do they answer, may we
do there what we must, and what of their names, clocks, certificates, versions and licence should be mended in time.

Called by ``rollcall doctor`` and by the API's diagnosis of a site, with the stored settings. Changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from services.api.connections.use_cases import controllers, questions
from services.api.operations.use_cases.doctor import Check, Unwell, Well, checked
from shared.errors import NotFound, RollcallError
from shared.language import counted, declared, listed, phrase
from shared.settings.documents import SiteSettings
from shared.worker.context import Context
from shared.worker.queues import Queue

# Each may wait for an end that does not answer.
_AT_ONCE = 8
_FEW_FREE = 0.05
Look = Callable[[Context, str], Well]


def diagnose_sites(context: Context, site_ids: Sequence[str]) -> Iterator[Check]:
    """Both ends of these sites and their relays, as far as they are set up; in the order of the sites.

    :raises NotFound: there is no such site.
    """
    looks: list[Callable[[], Check]] = []
    for site_id in site_ids:
        try:
            settings = context.site_settings(site_id).settings
        except NotFound:
            raise
        except RollcallError as error:
            looks.append(
                partial(Check, phrase("settings of {site_id}", site_id=site_id), False, error.message)
            )
            continue
        for name, look in _looks(settings).items():
            looks.append(
                partial(
                    checked,
                    phrase("{name} of {site_id}", name=name, site_id=site_id),
                    partial(look, context, site_id),
                )
            )
    with ThreadPoolExecutor(_AT_ONCE, "diagnosis") as pool:
        yield from pool.map(lambda look: look(), looks)


def can_ask(checks: Iterable[Check], *, with_own_workers: bool = False) -> bool:
    """Whether ``diagnose`` found what it takes; else each question would wait half a minute for nobody.

    ``with_own_workers`` when the asking process answers them itself.
    """
    needed = {"database", "key", "broker"}
    if not with_own_workers:
        needed |= {"workers", *(queue.value for queue in Queue)}
    return all(check.ok for check in checks if check.name in needed)


def _looks(settings: SiteSettings) -> Mapping[str, Look]:
    looks: dict[str, Look] = {}
    titles = settings.directory_titles
    for key, directory in settings.directory_by_key.items():
        if directory.servers:
            looks[listed(filter(None, [declared("directory"), titles.get(key)]), " ")] = partial(
                _directory, name=key
            )
    if settings.phone_system.base_url:
        looks[declared("phone system")] = _phone_system
    if settings.relay.is_configured:
        looks[declared("relay")] = _relay
    return looks


def _directory(context: Context, site_id: str, name: str) -> Well:
    answer = questions.test_directory(context, site_id, directory=name)
    people = sum(unit["people"] for unit in answer["units"])
    where = counted(len(answer["units"]), "organizational unit", "organizational units")
    return Well(
        phrase(
            "Domain controller {answer} answers over {protection}: {people:,} people in {where}.{good_until}",
            answer=answer["server"],
            protection=_PROTECTION[answer["security"]],
            people=people,
            where=where,
            good_until=_good_until(answer),
        ),
        (*answer["warnings"], *controllers.advice_of(context, site_id, name)),
        tuple(answer.get("controllers", ())),
    )


def order_of(answers: Sequence[Mapping[str, Any]]) -> str:
    """The controllers in the order in which they are asked, each with its health; nothing for a single one."""
    if len(answers) < 2:
        return ""
    shown = []
    for item in answers:
        if item["problem"]:
            how = declared("cannot be used")
        elif item["missing"]:
            how = phrase("answers, {missing:,} changes behind", missing=item["missing"])
            how += (
                phrase(", last heard of them at {moment} UTC", moment=item["heard_at"][:16].replace("T", " "))
                if item["heard_at"]
                else ""
            )
        else:
            how = phrase("answers in {seconds} s", seconds=item["seconds"]) + (
                declared(", up to date") if item["missing"] == 0 else ""
            )
        only = declared(", read-only") if item["is_read_only"] else ""
        shown.append(phrase("{server} ({how}{only})", server=item["server"], how=how, only=only))
    return phrase(" Asked in this order: {servers}.", servers=listed(shown))


_PROTECTION = {
    "ldaps": "LDAPS",
    "starttls": declared("LDAP with StartTLS"),
    "plain": declared("LDAP without encryption"),
}


def _phone_system(context: Context, site_id: str) -> Well:
    answer = questions.test_phone_system(context, site_id)
    used, most = answer["used_extensions"], answer["max_extensions"]
    if most is None:
        limit = (
            declared("the licence has no limit")
            if answer["is_limit_known"]
            else declared("3CX does not say the licence's limit")
        )
        room, advice = phrase("{used:,} extensions, {limit}", used=used, limit=limit), ()
    else:
        free = max(0, most - used)
        room = phrase(
            "{used:,} of the licence's {licensed:,} extensions are in use, {free:,} are free",
            used=used,
            licensed=most,
            free=free,
        )
        is_short = 0 < free < most * _FEW_FREE
        advice = (
            declared("Nearly all extensions of the licence are in use: enlarge it before people join."),
        ) * is_short
    return Well(
        phrase(
            "3CX {answer} answers at {address}: {room}.{good_until}",
            answer=answer["version"],
            address=answer["address"],
            room=room,
            good_until=_good_until(answer),
        ),
        (*answer["warnings"], *advice),
    )


def _relay(context: Context, site_id: str) -> Well:
    answer = questions.test_relay(context, site_id)
    if not answer["is_usable"]:
        raise Unwell(
            phrase(
                "The relay answers at {answer}, but cannot work there: {problems}",
                answer=answer["address"],
                problems=" ".join(answer["problems"]),
            )
        )
    return Well(
        phrase(
            "The relay {answer} answers at {address} with the right key; {free:,} GiB are free on its host.",
            answer=answer["relay"],
            address=answer["address"],
            free=answer["free_bytes"] // 2**30,
        ),
        tuple(answer["warnings"]),
    )


def _good_until(answer: Mapping[str, Any]) -> str:
    until = answer.get("certificate_until")
    return phrase(" Its certificate is valid until {until}.", until=until) if until else ""
