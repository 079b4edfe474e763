"""The pictures of a site's console: uploaded, offered and shown. Which one is shown is said by the branding settings.

A picture's name is the beginning of its hash. The pictures of earlier versions stay, so that the way back to one finds
its logo; of many the oldest go.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select

from services.api.branding.use_cases.pictures import as_logo
from shared.database import events
from shared.database.locks import exclusive
from shared.database.tables import Asset
from shared.errors import SettingsInvalid
from shared.language import declared
from shared.settings import store
from shared.values.text import visible
from shared.worker.context import Context

KEPT = 12
_KIND = "logo-"
_NAME_LENGTH = 12
_TITLE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Logo:
    """One uploaded picture, without its content."""

    name: str
    width: int
    height: int
    title: str
    uploaded_at: datetime


def add_logo(context: Context, site_id: str, content: bytes, actor: str, file_name: str = "") -> str:
    """Store an uploaded picture and return its name; what is stored already is not stored twice.

    ``file_name`` is what it is called in the list.

    :raises SettingsInvalid: it is no picture that is taken; nothing was stored.
    :raises NotFound: there is no such site.
    """
    picture = as_logo(content)
    name = picture.sha256[:_NAME_LENGTH]
    with context.database.begin() as session:
        # Of two managers who upload at once, the second sees what the first stored.
        exclusive(session, f"logos of {site_id}")
        shown = store.read(session, site_id, context.encryption).settings.branding.logo
        if session.get(Asset, (site_id, f"{_KIND}{name}")) is not None:
            return name
        session.add(
            Asset(
                site_id=site_id,
                kind=f"{_KIND}{name}",
                media_type=picture.media_type,
                width=picture.width,
                height=picture.height,
                title=title_of(file_name) or None,
                sha256=picture.sha256,
                content=picture.content,
                updated_at=datetime.now(UTC),
            )
        )
        session.flush()
        kinds = session.scalars(
            select(Asset.kind)
            .where(Asset.site_id == site_id, Asset.kind.startswith(_KIND))
            .order_by(Asset.updated_at.desc(), Asset.kind)
        ).all()
        surplus = [kind for kind in kinds[KEPT:] if kind != f"{_KIND}{shown}"]
        if surplus:
            session.execute(delete(Asset).where(Asset.site_id == site_id, Asset.kind.in_(surplus)))
        events.audit(session, site_id, actor=actor, action="logo.uploaded", details={"logo": name})
    return name


def list_logos(context: Context, site_id: str) -> Sequence[Logo]:
    """What can be chosen, newest first."""
    with context.database.read() as session:
        rows = session.execute(
            select(Asset.kind, Asset.width, Asset.height, Asset.title, Asset.updated_at)
            .where(Asset.site_id == site_id, Asset.kind.startswith(_KIND))
            .order_by(Asset.updated_at.desc(), Asset.kind)
        ).all()
    return [
        Logo(kind.removeprefix(_KIND), width, height, title or "", at)
        for kind, width, height, title, at in rows
    ]


def remove_logo(context: Context, site_id: str, name: str, actor: str) -> None:
    """Delete an uploaded picture; nothing where it is gone already.

    :raises SettingsInvalid: it is the one that is shown.
    """
    with context.database.begin() as session:
        exclusive(session, f"logos of {site_id}")
        if store.read(session, site_id, context.encryption).settings.branding.logo == name:
            raise SettingsInvalid(
                declared("This logo is in use. Choose another one and save, then delete it.")
            )
        found = session.get(Asset, (site_id, f"{_KIND}{name}"))
        if found is not None:
            session.delete(found)
            events.audit(session, site_id, actor=actor, action="logo.deleted", details={"logo": name})


def title_of(file_name: str) -> str:
    """What a picture is called: the name of its file without folders and ending, as it can be shown."""
    plain = re.split(r"[\\/]", file_name)[-1].rpartition(".")
    return " ".join(visible(plain[0] or plain[2], "").split())[:_TITLE_LENGTH]


def read_logo(context: Context, site_id: str, name: str) -> Asset | None:
    """The picture of that name, ``None`` where there is none (any more)."""
    with context.database.read() as session:
        return session.get(Asset, (site_id, f"{_KIND}{name}"))
