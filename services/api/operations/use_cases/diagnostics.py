"""Gathers what somebody who helps needs to know into one ZIP: how things stand, and never a secret.

Secrets are kept out twice. Nothing that holds one is read for the bundle; and whatever text is written, a Log entry too,
has every secret that this process knows taken out first. It does hold names and numbers of people: they are what the
Log is about, and the bundle says so.
"""

import io
import json
import platform
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from kombu.exceptions import OperationalError
from kombu.utils.url import maybe_sanitize_url
from pydantic import SecretStr
from sqlalchemy import select

from services.api.access.permissions import SECTIONS_OF_ALL_SITES
from services.api.log.use_cases.formats import as_json
from services.api.log.use_cases.log import read_log
from services.api.operations.queries import waiting_messages
from services.api.operations.use_cases import doctor
from services.api.runs.use_cases.runs import list_runs
from services.api.settings.use_cases.sections import export_settings
from services.api.sites.use_cases.sites import list_sites
from shared.database import events
from shared.database.migrate import schema_status
from shared.database.tables import Run, SnapshotPart
from shared.distribution import installed_version
from shared.errors import RollcallError
from shared.settings import store
from shared.settings.candidate import section_of
from shared.settings.documents import Section
from shared.worker.context import Context

LOG_ENTRIES = 1000
_RUNS = 100
_REMOVED = "(removed)"
# Shorter ones would take half of every text with them; no secret worth the name is.
_SHORTEST_SECRET = 4
_URLS = ("database_url", "broker_url", "result_backend_url")
_READ_ME = """Diagnostics of Rollcall {version}, made {now:%Y-%m-%d %H:%M} UTC.

Passwords, keys and tokens are not in it. Names, extension numbers and e-mail addresses of people may be, because the
Log and the runs are about them: share it only with people who may read them.

summary.json        versions, platform, database and its revision, messages waiting in each queue
checks.json         what `rollcall doctor` says
process.json        the settings of the process (ROLLCALL_*)
packages.json       the Python packages and their versions
sites/*/settings.json   the settings of the site
sites/*/log.json        the newest {entries:,} entries of its Log
sites/*/runs.json       its newest {runs} runs with what they read
"""


def bundle(context: Context, site_id: str, actor: str, *, of_all_sites: bool = False) -> bytes:
    """The ZIP of one site: nothing of another is in it. The audit says who took one. What cannot be found out is said in its
    place. ``of_all_sites`` adds the settings that the default site keeps for all, such as who may sign in.

    :raises StorageUnavailable: the database cannot be read.
    """
    sites = [site.id for site in list_sites(context)]
    # Of all of them: a text may hold what another site's settings do.
    secrets = _secrets(context, sites)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(context, site_id, of_all_sites):
            archive.writestr(
                name, json.dumps(_without(secrets, content), indent=1, ensure_ascii=False, default=str)
            )
        now = datetime.now(UTC)
        read_me = _READ_ME.format(version=installed_version(), now=now, entries=LOG_ENTRIES, runs=_RUNS)
        archive.writestr("README.txt", read_me)
    with context.database.begin() as session:
        events.audit(session, site_id, actor=actor, action="diagnostics.downloaded", details={})
    return written.getvalue()


def _files(context: Context, site_id: str, of_all_sites: bool) -> Iterator[tuple[str, Any]]:
    yield "summary.json", _summary(context)
    yield (
        "checks.json",
        [
            {
                "name": check.name,
                "ok": check.ok,
                "message": check.message,
                "advice": check.advice,
                "controllers": check.controllers,
            }
            for check in doctor.diagnose(context, [site_id])
        ],
    )
    yield "process.json", _process(context)
    yield "packages.json", {found.name: found.version for found in distributions()}
    yield f"sites/{site_id}/settings.json", _settings(context, site_id, of_all_sites)
    entries = read_log(context, site_id, limit=LOG_ENTRIES).entries
    yield f"sites/{site_id}/log.json", json.loads("".join(as_json([entries])))
    yield f"sites/{site_id}/runs.json", _runs(context, site_id)


def _summary(context: Context) -> dict[str, Any]:
    found = schema_status(context.database)
    return {
        "rollcall": installed_version(),
        "made_at": datetime.now(UTC),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "database": context.database.url.get_backend_name(),
        "database_revision": found.now,
        "database_revision_needed": found.needed,
        "is_embedded": context.settings.is_embedded,
        "waiting_messages": _waiting(context),
    }


def _waiting(context: Context) -> dict[str, int] | str:
    try:
        return {queue.value: length for queue, length in waiting_messages(context).items()}
    except (OperationalError, OSError) as error:
        return f"unknown ({type(error).__name__})"


def _process(context: Context) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in type(context.settings).model_fields:
        value = getattr(context.settings, name)
        if isinstance(value, SecretStr) or value is None:
            values[name] = None if value is None else "set"
        else:
            values[name] = maybe_sanitize_url(str(value)) if name in _URLS else value
    return values


def _runs(context: Context, site_id: str) -> list[dict[str, Any]]:
    runs = list_runs(context, site_id, _RUNS)
    with context.database.read() as session:
        parts = session.scalars(
            select(SnapshotPart)
            .where(SnapshotPart.run_id.in_([run.id for run in runs]))
            .order_by(SnapshotPart.id)
        ).all()
    return [_row(run) | {"parts": [_row(part) for part in parts if part.run_id == run.id]} for run in runs]


def _row(row: Run | SnapshotPart) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _settings(context: Context, site_id: str, of_all_sites: bool) -> dict[str, Any]:
    try:
        exported = export_settings(context, site_id)
    except RollcallError as error:
        return {"error": error.message}
    return {
        section: values
        for section, values in exported.items()
        if of_all_sites or section not in SECTIONS_OF_ALL_SITES
    }


def _secrets(context: Context, sites: Iterable[str]) -> list[str]:
    """Every secret that this process knows, the longest first: one may hold another."""
    known: set[str] = set()
    for name in type(context.settings).model_fields:
        value = getattr(context.settings, name)
        if isinstance(value, SecretStr):
            known.add(value.get_secret_value())
        elif name in _URLS:
            known.add(unquote(urlsplit(str(value)).password or ""))
    for site_id in sites:
        try:
            stored = context.site_settings(site_id)
        except RollcallError:
            # Its settings cannot be read, so they are in no text of ours either.
            continue
        for section in Section:
            store.dumped(section_of(stored, section), known.add)
    # As they stand in addresses, too.
    known |= {quote(secret, safe="") for secret in known}
    return sorted((secret for secret in known if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)


def _without(secrets: list[str], content: Any) -> Any:
    """The content with every secret in any of its texts taken out."""
    if isinstance(content, Mapping):
        return {_without(secrets, str(name)): _without(secrets, value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without(secrets, item) for item in content]
    if content is None or isinstance(content, bool | int | float):
        return content
    text = str(content)
    for secret in secrets:
        text = text.replace(secret, _REMOVED)
    return text
