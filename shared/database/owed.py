"""The steps owed to extensions: written before the first write of a creation, deleted when its last step is done."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from shared.database.commands import read_fields
from shared.database.rows import rows_of
from shared.database.sentences import with_sentences
from shared.database.tables import BindingRow, OwedSteps, Run, RunState
from shared.domain.binding import LeftBehind
from shared.domain.command import Command, FieldValue
from shared.domain.owed import LEAVING, Owed, Owes


def begin(session: Session, site_id: str, run_id: int, commands: Iterable[Command]) -> None:
    """Note what these creations and renumberings will owe from their first write on."""
    begun = [command for command in commands if command.makes_extension]
    if not begun:
        return
    remove(session, site_id, [command.number for command in begun])
    session.execute(
        insert(OwedSteps),
        [
            {
                "site_id": site_id,
                "number": command.number,
                "run_id": run_id,
                "person_guid": command.person_guid or "",
                "person_name": command.person_name,
                "former_id": command.extension_id,
                "before": dict(command.before),
                "after": dict(command.after),
                "owes": Owes.STEPS.value,
                "begun_at": datetime.now(UTC),
            }
            for command in begun
        ],
    )


def ask_for_template(
    session: Session,
    site_id: str,
    run_id: int,
    people: Iterable[BindingRow],
    wanted: Mapping[str, Mapping[str, Any]],
) -> None:
    """Owe these people's extensions the settings of their template once more; ``wanted`` by number."""
    session.execute(
        insert(OwedSteps),
        [
            {
                "site_id": site_id,
                "number": row.number,
                "run_id": run_id,
                "extension_id": row.extension_id,
                "person_guid": row.person_guid,
                "person_name": row.person_name,
                "before": {},
                "after": dict(wanted[row.number]),
                "owes": Owes.TEMPLATE.value,
                "begun_at": datetime.now(UTC),
            }
            for row in people
        ],
    )


def answered(
    session: Session,
    site_id: str,
    number: str,
    owes: Owes,
    answer: str | None,
    extension_id: int | None,
) -> None:
    """Note that the extension is there, and how the last try to finish it ended."""
    session.execute(
        update(OwedSteps)
        .where(OwedSteps.site_id == site_id, OwedSteps.number == number)
        .values(owes=owes.value, extension_id=extension_id, **with_sentences(OwedSteps, {"answer": answer}))
        .execution_options(synchronize_session=False)
    )


def change_wanted(
    session: Session, site_id: str, number: str, name: str, value: FieldValue, only_if: FieldValue = None
) -> bool:
    """Change one thing that the extension was to have; whether it was otherwise before, and ``only_if`` where that is given."""
    mine = OwedSteps.site_id == site_id, OwedSteps.number == number
    after = session.scalar(select(OwedSteps.after).where(*mine).with_for_update())
    if after is None or after.get(name) == value or only_if not in (None, after.get(name)):
        return False
    session.execute(
        update(OwedSteps)
        .where(*mine)
        .values(after={**after, name: value})
        .execution_options(synchronize_session=False)
    )
    return True


def tried(session: Session, site_id: str, number: str, step: str, times: int = 1) -> int | None:
    """Count one more try at this step of the extension; how many it makes. ``None``: nothing is owed to it.

    ``times`` is -1 for one that did not end its worker after all.
    """
    mine = OwedSteps.site_id == site_id, OwedSteps.number == number
    row = session.execute(select(OwedSteps.tries).where(*mine)).first()
    if row is None:
        return None
    tries = {**(row.tries or {})}
    tries[step] = int(tries.get(step, 0)) + times
    session.execute(
        update(OwedSteps).where(*mine).values(tries=tries).execution_options(synchronize_session=False)
    )
    return int(tries[step])


def keep(session: Session, site_id: str, number: str, sealed: str) -> None:
    """Remember, encrypted, what is being taken off the former extension."""
    session.execute(
        update(OwedSteps)
        .where(OwedSteps.site_id == site_id, OwedSteps.number == number)
        .values(taken=sealed)
        .execution_options(synchronize_session=False)
    )


def kept(session: Session, site_id: str, number: str) -> str | None:
    """What was remembered last."""
    return session.scalar(
        select(OwedSteps.taken).where(OwedSteps.site_id == site_id, OwedSteps.number == number)
    )


def remove(session: Session, site_id: str, numbers: Collection[str]) -> int:
    """Remove what is owed to these extensions; returns to how many something was."""
    if not numbers:
        return 0
    gone = session.execute(
        delete(OwedSteps)
        .where(OwedSteps.site_id == site_id, OwedSteps.number.in_(numbers))
        .execution_options(synchronize_session=False)
    )
    return rows_of(gone)


def remove_former(session: Session, site_id: str, extension_ids: Collection[int]) -> None:
    """These extensions are gone, which was all that their successors still owed."""
    if extension_ids:
        session.execute(
            delete(OwedSteps)
            .where(
                OwedSteps.site_id == site_id,
                OwedSteps.owes == Owes.FORMER_EXTENSION.value,
                OwedSteps.former_id.in_(extension_ids),
            )
            .execution_options(synchronize_session=False)
        )


def remove_not_started(session: Session, site_id: str) -> None:
    """Of runs that have ended, what was noted before a first write that never took effect."""
    going_on = select(Run.id).where(Run.site_id == site_id, Run.state == RunState.EXECUTING.value)
    session.execute(
        delete(OwedSteps)
        .where(
            OwedSteps.site_id == site_id,
            OwedSteps.extension_id.is_(None),
            OwedSteps.run_id.not_in(going_on),
        )
        .execution_options(synchronize_session=False)
    )


def rows(session: Session, site_id: str) -> Sequence[OwedSteps]:
    """What is owed to extensions that are there, by number."""
    return session.scalars(
        select(OwedSteps)
        .where(OwedSteps.site_id == site_id, OwedSteps.extension_id.is_not(None))
        .order_by(OwedSteps.number)
    ).all()


def owed_of(found: Iterable[OwedSteps]) -> list[Owed]:
    """The rows as the planner takes them."""
    return [
        Owed(
            row.number,
            row.person_guid,
            row.person_name,
            read_fields(row.after),
            row.former_id,
            row.answer or "" if row.owes == Owes.REFUSED_STEPS else "",
        )
        for row in found
        if row.owes != Owes.FORMER_EXTENSION and row.owes not in [*LEAVING]
    ]


def left_behind_of(found: Iterable[OwedSteps]) -> list[LeftBehind]:
    """The former extensions that are still to go; where a step was refused the former one is kept."""
    return [
        LeftBehind(
            row.person_guid,
            row.person_name,
            row.former_id,
            _text(row.before, "first_name"),
            _text(row.before, "last_name"),
            row.number,
            _text(row.before, "number"),
        )
        for row in found
        if row.former_id is not None and row.owes != Owes.REFUSED_STEPS
    ]


def _text(values: Mapping[str, object], name: str) -> str:
    return str(values.get(name) or "")
