"""Answers the console's short questions about the directory: does it work, which units, which attributes."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any, cast

from services.collector import directory_accounts, discovery, identity, selection
from services.collector.active_directory import ActiveDirectory
from services.collector.address import parse
from services.collector.advice import advice_on, password_advice
from services.collector.controllers_health import health_of
from services.collector.directory_order import Directories
from services.collector.mapping import clean
from services.collector.mapping_trial import try_field
from services.collector.numbers import NumberOptions, read_numbers
from services.collector.people import number_options, sources_of
from services.collector.proposals import propose, tried
from services.collector.reader import RawEntry, Scope, Search, first_value
from services.collector.unusual_accounts import unusual_accounts
from services.collector.watching.possible import live_advice
from services.collector.write_rights import write_advice
from shared.errors import UnknownAttribute
from shared.language import declared, phrase
from shared.prerequisites import address_advice
from shared.settings import store
from shared.settings.documents import DirectorySettings, Section, Security, SiteSettings
from shared.worker.context import Context
from shared.worker.questions import unseal

_PEOPLE_SAMPLED = 500
_PEOPLE_SHOWN_AT_LEAST = 20
_SAMPLES_SHOWN = 3
_SAMPLE_CHARACTERS = 60
_CONTAINERS = "(|(objectClass=organizationalUnit)(objectClass=container)(objectClass=builtinDomain))"
# The last part of a distinguished name; a comma that belongs to a name stands behind a backslash (RFC 4514).
_LAST_PART = re.compile(r"(?:\\.|[^,\\])+$")
# Where administrators usually keep extension numbers; offered even when nobody has one yet.
_USUAL = ("telephoneNumber", "ipPhone", "otherTelephone", *(f"extensionAttribute{n}" for n in range(1, 16)))
_NO_HELP = frozenset(
    name.lower()
    for name in (
        "accountExpires", "badPasswordTime", "badPwdCount", "codePage", "countryCode", "distinguishedName",
        "dSCorePropagationData", "instanceType", "lastLogoff", "lastLogon", "lastLogonTimestamp", "logonCount",
        "manager", "memberOf", "nTSecurityDescriptor", "objectCategory", "objectClass", "objectGUID", "objectSid",
        "primaryGroupID", "pwdLastSet", "sAMAccountType", "uSNChanged", "uSNCreated", "userAccountControl",
        "whenChanged", "whenCreated", "adminCount", "userParameters", "directReports",
    )
)  # fmt: skip


def test_directory(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whether the directory can be read with these settings: who answered, and how many people are in each unit.

    :raises RollcallError: the exact reason why not.
    """
    began = time.monotonic()
    settings = _settings(context, arguments)
    discovery.expire()
    with ActiveDirectory(settings) as directory:
        domain, asked_at = directory.domain(), datetime.now(UTC)
        directory.check_attributes(sources_of(settings).configured(), domain.schema_dn)
        people_filter = directory.people_filter()
        units = []
        for unit in settings.units:
            directory.check_exists(unit.dn)
            units.append({"dn": unit.dn, "people": directory.count(unit.dn, people_filter)})
        ends_at = directory.certificate_ends_at
        warnings = [
            *advice_on(directory, domain, asked_at),
            *password_advice(directory),
            *unusual_accounts(directory),
        ]
        if _stored(context, arguments).schedule.is_live:
            warnings += live_advice(directory, settings)
    for server in settings.servers:
        warnings += address_advice("directory.servers", parse(server, settings.security).host)
    if settings.security is Security.PLAIN:
        warnings.append(
            declared("The connection is NOT encrypted: the password can be read on the network. Use LDAPS.")
        )
    warnings += [
        phrase("{unit} was read completely, but contains no matching people.", unit=unit["dn"])
        for unit in units
        if not unit["people"]
    ]
    controllers = health_of(settings, directory.server)
    warnings += [
        item["problem"] for item in controllers if item["problem"] and item["problem"] not in warnings
    ]
    attribute = _stored(context, arguments).rules.write_back_attribute
    if attribute is not None:
        warnings += write_advice(settings, attribute)
    return {
        "server": directory.server,
        "controller": domain.controller,
        "base_dn": domain.base_dn,
        "security": settings.security.value,
        "certificate_until": ends_at.date().isoformat() if ends_at else None,
        "units": units,
        "controllers": controllers,
        "seconds": round(time.monotonic() - began, 3),
        "warnings": warnings,
    }


def _stored(context: Context, arguments: dict[str, Any]) -> SiteSettings:
    with context.database.read() as session:
        return store.read(session, arguments["site_id"], context.encryption).settings


def check_password(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Who has this extension or login, and whether the password (which comes encrypted) is theirs.

    :raises RollcallError: the directory cannot be asked.
    """
    password = context.encryption.decrypt(arguments["secret"])
    return identity.check_password(
        context, arguments["site_id"], _directories(context, arguments), arguments["name"], password
    )


def look_up_person(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Who has this extension, and whether the directory still lets them work.

    :raises RollcallError: the directory cannot be asked.
    """
    return identity.look_up(
        context, arguments["site_id"], _directories(context, arguments), arguments["name"]
    )


def find_account(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Who has this login (``name``) or objectGUID (``guid``), and in which of the ``groups`` they are.

    :raises RollcallError: the directory cannot be asked.
    """
    name, guid = arguments.get("name", ""), arguments.get("guid", "")
    return directory_accounts.find_in(
        _directories(context, arguments), arguments["groups"], name=name, guid=guid
    )


def prove_account(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whether the password (which comes encrypted) is that of the account.

    :raises RollcallError: the directory cannot be asked.
    """
    password = context.encryption.decrypt(arguments["secret"])
    return directory_accounts.prove_in(_directories(context, arguments), arguments["guid"], password)


def browse_units(context: Context, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """What can be chosen one level below ``base`` (the domain when empty), with the people in and below each.

    Containers that are no organizational units are named only when they hold people.

    :raises RollcallError: as ``test_directory``; ``UnknownBaseDn`` when there is no such base.
    """
    settings = _settings(context, arguments)
    with ActiveDirectory(settings) as directory:
        # As the directory writes it, or the names below could not be told apart by it.
        base = directory.check_exists(arguments.get("base") or directory.domain().base_dn)
        children = sorted(
            directory.reader.entries(Search(base, _CONTAINERS, ("name", "objectClass"), Scope.LEVEL)),
            key=lambda entry: clean(first_value(entry, "name")).casefold(),
        )
        people = _count_below(directory, base, directory.people_filter())
        units = _count_below(directory, base, "(objectClass=organizationalUnit)")
    found = []
    for entry in children:
        part = _child_part(entry.dn, base)
        is_unit = b"organizationalUnit" in entry.attributes.get("objectclass", ())
        if is_unit or people[part]:
            found.append(
                {
                    "dn": entry.dn,
                    "name": clean(first_value(entry, "name")),
                    "people": people[part],
                    "units": units[part] - is_unit,
                }
            )
    return found


def list_attributes(context: Context, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes that people really have, with how many of a sample and some values; those that give most
    extension numbers first.

    :raises RollcallError: as ``test_directory``.
    """
    settings = _settings(context, arguments)
    return _listed(*_sampled(settings), number_options(settings))


def unknown_attributes(context: Context, arguments: dict[str, Any]) -> dict[str, str]:
    """Those of the attributes ``names`` that the schema does not have, each with a sentence that names similar ones.

    :raises RollcallError: as ``test_directory``.
    """
    unknown: dict[str, str] = {}
    with ActiveDirectory(_settings(context, arguments)) as directory:
        schema_dn = directory.domain().schema_dn
        for name in arguments["names"]:
            try:
                directory.check_attributes([name], schema_dn)
            except UnknownAttribute as error:
                unknown[name] = error.message
    return unknown


def propose_numbers(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """What may give the extension number, best first; what comes of the settings as they are (``chosen``); the attributes
    as ``list_attributes`` has them; and which accounts of the units should rather have none.

    :raises RollcallError: as ``test_directory``.
    """
    settings = _settings(context, arguments)
    people, names = _sampled(settings)
    options = number_options(settings)
    with ActiveDirectory(settings) as directory:
        warnings = unusual_accounts(directory)
    return {
        "proposals": [asdict(proposal) for proposal in propose(people, names, options)],
        "chosen": asdict(tried(settings.attributes.number, people, options)),
        "attributes": _listed(people, names, options),
        "warnings": warnings,
    }


def try_mapping(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a field would be for real people with the settings that are asked with, beside what it is as they are stored.

    :raises RollcallError: as ``test_directory``; ``UnknownAttribute`` when the schema lacks one.
    """
    stored = _settings(context, arguments | {"settings": None})
    return try_field(stored, _settings(context, arguments), arguments["field"])


def _sampled(settings: DirectorySettings) -> tuple[list[dict[str, list[str]]], dict[str, str]]:
    """The texts of some people by attribute in lower case, and how the schema writes these and the usual attributes."""
    people: list[dict[str, list[str]]] = []
    with ActiveDirectory(settings) as directory:
        domain = directory.domain()
        bases = [unit.dn for unit in settings.units] or [domain.base_dn]
        for entry in islice(_sample(directory, bases), _PEOPLE_SAMPLED):
            texts = {
                name: [clean(value) for value in values if _is_text(value)]
                for name, values in entry.attributes.items()
                if name not in _NO_HELP
            }
            people.append({name: listed for name, listed in texts.items() if listed})
    seen = dict.fromkeys(name for person in people for name in person)
    # A second session, because the sample may have left the first in the middle of a page.
    with ActiveDirectory(settings) as directory:
        names = directory.display_names([*seen, *(name.lower() for name in _USUAL)], domain.schema_dn)
    usual = {name.lower(): place for place, name in enumerate(_USUAL)}
    ordered = sorted(names, key=lambda key: (usual.get(key, len(usual)), key))
    return people, {key: names[key] for key in ordered}


def _listed(
    people: list[dict[str, list[str]]], names: dict[str, str], options: NumberOptions
) -> list[dict[str, Any]]:
    found = []
    for key, name in names.items():
        filled = [person[key] for person in people if key in person]
        samples = dict.fromkeys(texts[0][:_SAMPLE_CHARACTERS] for texts in filled)
        found.append(
            {
                "name": name,
                "people": len(people),
                "filled": len(filled),
                "numbers": sum(read_numbers(texts, options).number is not None for texts in filled),
                "samples": [*samples][:_SAMPLES_SHOWN],
            }
        )
    return sorted(found, key=lambda item: (-item["numbers"], -item["filled"], item["name"].lower()))


def _sample(directory: ActiveDirectory, bases: list[str]) -> Iterator[RawEntry]:
    # So that people of every unit are in the sample, however large the first is.
    share = max(_PEOPLE_SAMPLED // len(bases), _PEOPLE_SHOWN_AT_LEAST)
    for base in bases:
        search = Search(base, selection.people(directory.settings.filter), ("*",), Scope.SUBTREE, share)
        yield from islice(directory.reader.entries(search), share)


def _count_below(directory: ActiveDirectory, base: str, chosen: str) -> Counter[str]:
    """How many entries of the filter lie in each branch below the base, by the branch's part of the name."""
    counts: Counter[str] = Counter()
    for entry in directory.reader.entries(Search(base, chosen, ("1.1",))):
        counts[_child_part(entry.dn, base)] += 1
    return counts


def _child_part(dn: str, base: str) -> str:
    rest = dn[: -len(base)].removesuffix(",") if dn.casefold().endswith(base.casefold()) else dn
    last = _LAST_PART.search(rest)
    return last[0].casefold() if last else ""


def _is_text(value: bytes) -> bool:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and all(character.isprintable() or character.isspace() for character in text)


def _directories(context: Context, arguments: dict[str, Any]) -> Directories:
    with context.database.read() as session:
        return store.read(session, arguments["site_id"], context.encryption).settings.directory_by_key


def _settings(context: Context, arguments: dict[str, Any]) -> DirectorySettings:
    sealed = arguments.get("settings")
    if sealed:
        return cast(DirectorySettings, unseal(Section.DIRECTORY, sealed, context.encryption))
    with context.database.read() as session:
        known = store.read(session, arguments["site_id"], context.encryption).settings.directory_by_key
    # One that is being added is not stored yet.
    return known.get(arguments.get("directory", ""), DirectorySettings())
