"""Links between people and extensions, ended and made by hand: for what only a person can know.

Called by the API, the console and the CLI. Nothing is written to the phone system; the next run goes by the link.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.api.runs.queries.people import resolve_person
from shared.database import events, graces
from shared.database.found import site_of
from shared.database.pages import read_items
from shared.database.tables import BindingRow, PartKind, PartState, Run, SnapshotPart
from shared.domain.binding import BindingOrigin
from shared.domain.extension import Extension
from shared.errors import Conflict, NotFound
from shared.language import declared, phrase
from shared.roll.effects import join, part
from shared.worker.context import Context


@dataclass(frozen=True, slots=True)
class Link:
    """One person and the extension linked to them."""

    person_guid: str
    person_name: str
    number: str
    extension_id: int


def release(context: Context, site_id: str, person: str, actor: str) -> Link:
    """End the link of a person, named by extension number, objectGUID, name, login, e-mail address or DN.

    :raises NotFound: nobody of that name is linked to an extension, or there is no such site.
    :raises Conflict: several people fit; the message lists them.
    """
    guid = _bound_guid(context, site_id, person)
    with context.database.begin() as session:
        row = session.get(BindingRow, (site_id, guid))
        if row is None:
            raise NotFound(phrase("'{person}' is linked to no extension.", person=person.strip()[:200]))
        link = _link(row)
        session.delete(row)
        graces.remove(session, site_id, [guid])
        part(session, site_id, guid, datetime.now(UTC))
        name = link.person_name or link.person_guid
        _note(session, site_id, link, actor, "released", phrase("is no longer linked to {name}", name=name))
    return link


def bind(context: Context, site_id: str, person: str, number: str, actor: str) -> Link:
    """Link a person of the directory to the extension with this number, as the newest reading shows it.

    From then on it is theirs whatever name it shows. A link that the person had before ends.

    :raises NotFound: nobody fits, 3CX had no such extension in the newest reading, or there is no such site.
    :raises Conflict: several people fit, or the extension is linked to somebody else.
    """
    known = resolve_person(context, site_id, person)
    if known.person is None and known.binding is None:
        raise NotFound(
            phrase(
                "No person found for '{person}'. If they have just joined, start a run first.",
                person=person.strip()[:200],
            )
        )
    extension = _observed(context, site_id, number.strip())
    with context.database.begin() as session:
        other = session.scalar(
            select(BindingRow).where(
                BindingRow.site_id == site_id,
                BindingRow.extension_id == extension.id,
                BindingRow.person_guid != known.guid,
            )
        )
        if other is not None:
            raise Conflict(
                phrase(
                    "Extension {number} is linked to {person_name}. End that link first: rollcall binding "
                    "release {number}",
                    number=extension.number,
                    person_name=other.person_name or other.person_guid,
                )
            )
        mine = (BindingRow.site_id == site_id, BindingRow.person_guid == known.guid)
        session.execute(delete(BindingRow).where(*mine))
        graces.remove(session, site_id, [known.guid])
        row = BindingRow(
            site_id=site_id,
            person_guid=known.guid,
            extension_id=extension.id,
            number=extension.number,
            origin=BindingOrigin.ADOPTED.value,
            person_name=known.name[:300],
            is_disabled_by_rollcall=False,
            shown_first_name=extension.first_name,
            shown_last_name=extension.last_name,
            shown_email=extension.email,
            updated_at=datetime.now(UTC),
        )
        session.add(row)
        join(session, site_id, known.guid, known.name, extension, row.updated_at)
        link = _link(row)
        _note(session, site_id, link, actor, "set", phrase("is now linked to {name}", name=known.name))
    return link


def _bound_guid(context: Context, site_id: str, text: str) -> str:
    """Whose link is meant: by the number of the linked extension first, which is what a finding names."""
    wanted = text.strip().lower()
    with context.database.read() as session:
        site_of(session, site_id)
        for column in (BindingRow.number, BindingRow.person_guid, func.lower(BindingRow.person_name)):
            found = session.scalars(
                select(BindingRow.person_guid).where(BindingRow.site_id == site_id, column == wanted)
            ).all()
            if len(found) == 1:
                return found[0]
    return resolve_person(context, site_id, text).guid


def _observed(context: Context, site_id: str, number: str) -> Extension:
    with context.database.read() as session:
        part_id = session.scalar(
            select(SnapshotPart.id)
            .join(Run, Run.id == SnapshotPart.run_id)
            .where(
                Run.site_id == site_id,
                SnapshotPart.kind == PartKind.EXTENSIONS.value,
                SnapshotPart.state == PartState.COMPLETE.value,
            )
            .order_by(SnapshotPart.id.desc())
            .limit(1)
        )
    if part_id is None:
        raise NotFound(declared("The extensions of 3CX were not read yet. Start a preview first."))
    try:
        for extension in read_items(context.database, part_id, Extension, any_of=[number]):
            if extension.number == number:
                return extension
    except LookupError as error:
        raise NotFound(
            declared("The last reading of 3CX is no longer stored. Start a preview first.")
        ) from error
    raise NotFound(
        phrase(
            "3CX had no extension {number} when it was read last. If it is new, start a preview first.",
            number=number[:20],
        )
    )


def _link(row: BindingRow) -> Link:
    return Link(row.person_guid, row.person_name, row.number, row.extension_id)


def _note(session: Session, site_id: str, link: Link, actor: str, what: str, sentence: str) -> None:
    entry = events.LogEntry(
        f"binding.{what}",
        phrase("Extension {number} {change}.", number=link.number, change=sentence),
        actor=actor,
        number=link.number,
        person_guid=link.person_guid,
    )
    details = {
        "person": link.person_guid,
        "name": link.person_name,
        "number": link.number,
        "extension_id": link.extension_id,
    }
    events.record_audited(session, site_id, entry, details)
