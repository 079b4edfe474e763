"""Carries out one decided command against the phone system, step by step, each step resumable.

Called from the threads of ``execute``. It never decides whether to act (``decide`` did) and never touches the
database. A creation has up to five steps; when it is resumed, each later step compares with the live extension
and writes only what is missing, so that every change takes effect once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.relay_client.archiving.archive import Archiver, ArchiveRequest, operation_id
from services.relay_client.execution import department
from services.relay_client.execution.decide import Live
from services.relay_client.execution.keeping import DeletedSettings, Keeper
from services.relay_client.execution.renumbering import Renumbering
from services.relay_client.execution.stage_cache import StageCache, read_own, read_settings
from services.relay_client.execution.steps import FollowUp, PartlyDone, Step
from services.relay_client.execution.welcome import SENTENCES, Welcome
from services.relay_client.xapi import further, pointing, template
from services.relay_client.xapi.client import Json, Xapi
from services.relay_client.xapi.errors import REFUSED
from services.relay_client.xapi.pointing import WITH_PEOPLE
from shared.database.engine import Database
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension
from shared.domain.owed import AGAIN, BACKUP, MEMBERSHIPS, RESTORES
from shared.errors import (
    ArchiveNotVerified,
    CommandRejected,
    ExtensionNotFound,
    RelayFailed,
    RelayUnavailable,
)
from shared.language import declared, listed, phrase, stored

FIELD_NAMES: Mapping[str, str] = {
    "number": "Number",
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "EmailAddress",
    "mobile": "Mobile",
    "enabled": "Enabled",
}


@dataclass(frozen=True, slots=True)
class Performer:
    """The tools of one stage. ``run`` names the run among all that ever were, for the ids of operations.

    ``enter`` is told each step by its name before its write; what it raises keeps the step from being written.
    """

    xapi: Xapi
    cache: StageCache
    archiver: Archiver
    keeper: Keeper
    deleted: DeletedSettings
    run: str
    database: Database
    site_id: str
    enter: Callable[[str], None] = lambda _step: None

    def perform(self, command: Command, live: Live, holder: Extension | None) -> Json:
        """Do it; the result to keep with the command.

        ``holder`` is the extension that has the number already when a creation is resumed, else ``None``.

        :raises UnknownOutcome: a write was sent and no answer came.
        :raises PartlyDone: created, but some later step was refused.
        :raises RollcallError: refused or unreachable; nothing more was done.
        """
        match command.kind:
            case CommandKind.CREATE_DEPARTMENT:
                return self._create_department(command)
            case CommandKind.CREATE_EXTENSION:
                return self._create(command, holder)
            case CommandKind.RENUMBER_EXTENSION:
                return self._renumber(command, live.by_id, holder)
            case CommandKind.FINISH_EXTENSION:
                done = (
                    self._renumber(command, live.former, live.by_id)
                    if "former_id" in command.after
                    else self._create(command, live.by_id)
                )
                return {name: value for name, value in done.items() if name != "extension_id"}
            case CommandKind.UPDATE_EXTENSION:
                return self._update(command)
            case CommandKind.ENABLE_EXTENSION | CommandKind.DISABLE_EXTENSION:
                enabled = bool(command.after["enabled"])
                what = (
                    phrase("enabling extension {number}", number=command.number)
                    if enabled
                    else phrase("disabling extension {number}", number=command.number)
                )
                self.enter(command.kind.value)
                self.xapi.update_user(_id(command), {"Enabled": enabled}, what)
                return {}
            case CommandKind.ARCHIVE_EXTENSION:
                return self._archive(command)
            case CommandKind.DELETE_EXTENSION:
                self._keep_settings(command)
                self.enter(command.kind.value)
                self.xapi.delete_user(_id(command), command.number)
                return {}
            case CommandKind.ADOPT_EXTENSION | CommandKind.REBIND_EXTENSION:
                return {"extension_id": _id(command)}
            case CommandKind.RELEASE_BINDING:
                return {}

    def _create_department(self, command: Command) -> Json:
        self.enter(command.kind.value)
        try:
            like = self.cache.model_department(str(command.after.get("like") or ""))
            made, not_taken = department.make(self.xapi, str(command.after["name"]), like)
            return {"department_id": made} | ({"not_taken": not_taken} if not_taken else {})
        except CommandRejected as refused:
            self.cache.drop_departments()
            existing = self.cache.department_id(str(command.after["name"]))
            if "DUPLICATE" not in str(refused.details.get("warning")) or existing is None:
                raise
            return {"department_id": existing}
        finally:
            self.cache.drop_departments()

    def _keep_settings(self, command: Command) -> None:
        """What an undo gives back. Without them everything else can still be undone."""
        try:
            copied = read_own(self.xapi, command.number)
        except REFUSED:
            return
        if copied.get("Id") == command.extension_id:
            self.deleted.keep(command.sequence, copied)

    def _create(self, command: Command, holder: Extension | None) -> Json:
        restores = command.after.get(RESTORES)
        if isinstance(restores, int):
            return self._create_again(command, holder, self.deleted.kept(restores))
        source = str(command.after.get("template") or "")
        copied = self.cache.template(source) if source else {}
        steps = self._copying(command, copied, source, is_own=False)
        extension_id = holder.id if holder else self._make(_body(command.after), steps)
        follow_up = self._follow_up(command, extension_id, None if holder is None else read_settings)
        follow_up.write(steps)
        if source:
            with self.cache.references.lock:
                self.cache.references.made(extension_id, copied, follow_up)
                if command.after.get(MEMBERSHIPS):
                    self.cache.references.change(
                        source,
                        WITH_PEOPLE,
                        lambda kind, row: pointing.beside(
                            kind, row, source, command.number, as_template=True
                        ),
                        follow_up,
                        declared("its place"),
                    )
        # The last step of a creation, also when 3CX refused others: the extension can be used.
        what = ""
        try:
            what = Welcome(self.database, self.site_id, command.number).send(
                self.xapi, extension_id, command.after
            )
        except REFUSED as refused:
            follow_up.refusals.append(
                phrase("the welcome message could not be sent: {message}", message=refused.message)
            )
        try:
            follow_up.end()
        except PartlyDone as partly:
            welcome = f" {SENTENCES[what]}" if what else ""
            raise PartlyDone(extension_id, f"{partly.message}{welcome}") from partly
        return {"extension_id": extension_id, **({"welcome": what} if what else {})}

    def _create_again(self, command: Command, holder: Extension | None, copied: Json) -> Json:
        """An extension as it was before it was deleted; ``copied`` is what was read of it then."""
        known = {row.id for row in self.xapi.departments()}
        groups = [row for row in copied.get("Groups") or [] if row.get("GroupId") in known]
        copied = copied | {"Groups": groups}
        steps = self._copying(command, copied, command.number, is_own=True)
        links = {field: copied[field] for field in template.LINK_FIELDS if copied.get(field)}
        phones = template.phone_rows(copied)
        steps += [
            Step("its public links", links),
            Step("its phones", {template.PHONES: phones} if phones else {}),
            Step("its status", template.status_body(copied)),
        ]
        extension_id = holder.id if holder else self._make(_body(command.after), steps)
        follow_up = self._follow_up(command, extension_id, None if holder is None else read_own)
        follow_up.write(steps)
        backup = command.after.get(BACKUP)
        if isinstance(backup, str) and backup:
            try:
                self.archiver.restore(operation_id(self.run, command.sequence), backup, command.number)
            except (RelayFailed, RelayUnavailable, ArchiveNotVerified) as error:
                follow_up.refuse(declared("its voicemails and recordings"), error.message)
        follow_up.end()
        return {"extension_id": extension_id, "not_carried": template.lost(copied)}

    def _renumber(self, command: Command, live: Extension | None, holder: Extension | None) -> Json:
        """One after the other: each changes what the others are about to copy."""
        if live is None:
            raise ExtensionNotFound(declared("The old extension no longer exists."))
        with self.cache.references.lock:
            done = self._renumber_alone(command, live, holder)
        self.cache.drop_templates()
        return done

    def _renumber_alone(self, command: Command, live: Extension, holder: Extension | None) -> Json:
        copied = read_own(self.xapi, live.number)
        if copied.get("Id") != live.id:
            raise ExtensionNotFound(declared("The old extension no longer exists."))
        moving = Renumbering(self.xapi, self.cache.references, self.keeper, live, copied, command.number)
        steps = self._copying(command, copied, live.number, is_own=True)
        body = _body(command.after)
        email = str(body.get("EmailAddress") or "")
        # An address may be on one extension only. The old one keeps it until the new one is there, so that a
        # refused creation leaves everything as it was.
        is_moving = bool(email) and email.casefold() == live.email.casefold()
        if is_moving:
            del body["EmailAddress"]
        is_given_later = is_moving or (email and holder and holder.email.casefold() != email.casefold())
        steps[:0] = moving.first_steps(email if is_given_later else "", is_email_moving=is_moving)
        extension_id = holder.id if holder else self._make(body, steps)
        moving.keep()
        follow_up = self._follow_up(command, extension_id, None if holder is None else read_own)
        follow_up.write(steps)
        lost = moving.carry_over(follow_up)
        try:
            follow_up.end()
        except PartlyDone as partly:
            raise PartlyDone(
                extension_id,
                phrase(
                    "{message} Extension {number} was kept. Delete it manually when {command_number} is complete.",
                    message=partly.message,
                    number=live.number,
                    command_number=command.number,
                ),
            ) from partly
        return {"extension_id": extension_id, "not_carried": lost}

    def _follow_up(
        self, command: Command, extension_id: int, read: Callable[[Xapi, str], Json] | None
    ) -> FollowUp:
        """The further steps; with ``read``, of an extension that is there already and is compared with."""
        present = None if read is None else _as_written(read(self.xapi, command.number))
        return FollowUp(self.xapi, command.number, extension_id, self.enter, present)

    def _make(self, body: Json, steps: list[Step]) -> int:
        """Create the extension, at once with its departments where this phone system takes them so.

        The first time it is read back whether it did, because what 3CX does not take it may ignore in silence. Steps
        that are done are left out of ``steps``.
        """
        self.enter(declared("the extension"))
        placing = [step for step in steps if step.is_placing and step.body]
        placed = {name: value for step in placing for name, value in step.body.items()}
        takes = self.xapi.takes_departments()
        if not placed or takes is False:
            return self.xapi.create_user(body)
        try:
            extension_id = self.xapi.create_user(body | placed)
        except CommandRejected as refused:
            field = str(refused.details.get("target") or "").partition("[")[0]
            if field and field not in placed:
                raise
            # Nothing was created. If the departments themselves are at fault, their own step says so.
            extension_id = self.xapi.create_user(body)
            self.xapi.learn_departments(are_taken=False)
            return extension_id
        if takes is None:
            present = _as_written(self.xapi.placement(extension_id))
            takes = not template.differing(placed, present)
            self.xapi.learn_departments(are_taken=takes)
        if takes:
            steps[:] = [step for step in steps if step not in placing]
        return extension_id

    def _copying(self, command: Command, copied: Json, source: str, *, is_own: bool) -> list[Step]:
        """What follows a creation, in the order that works: primary departments only after memberships."""
        groups, primary = self._groups(command, copied, is_own=is_own)
        settings = template.settings_body(copied, source, command.number, is_own=is_own)
        if is_own and "mobile" in command.after:
            settings.pop("Mobile", None)
        if command.after.get(AGAIN):
            return self._again(settings, copied, source, command.number)
        if not is_own:
            settings |= self._caller_id(copied, source)
        return [
            Step("its settings", settings | further.body(command.after)),
            Step("its forwarding", template.forwarding_body(copied, source, command.number)),
            Step("its departments", {"Groups": groups} if groups else {}, is_placing=True),
            Step("its primary department", {"PrimaryGroupId": primary} if primary else {}, is_placing=True),
        ]

    def _again(self, settings: Json, copied: Json, source: str, number: str) -> list[Step]:
        """Only what the template alone decides: neither departments nor what the directory gives each person."""
        mine = template.decided_by_template(settings, self.xapi.further)
        return [
            Step("its settings", mine),
            Step("its forwarding", template.forwarding_body(copied, source, number)),
        ]

    def _caller_id(self, copied: Json, source: str) -> Json:
        """The template's outbound caller id; where nobody can tell whether it is its own, none."""
        if not copied.get(template.CALLER_ID):
            return {}
        direct = self.cache.direct_numbers(source)
        return {} if direct is None else template.caller_id_body(copied, direct)

    def _groups(self, command: Command, copied: Json, *, is_own: bool) -> tuple[list[Json], int | None]:
        names = command.after.get("departments")
        wanted = self._department_ids(names) if isinstance(names, tuple) else None
        rows = copied.get("Groups") or []
        groups = template.membership_rows(
            [row for row in rows if not template.is_favourites(str(row.get("Name") or ""))],
            wanted,
            self.xapi.settings.allowed_roles,
            keeps_rights=is_own,
        )
        primary_name = command.after.get("primary_department")
        if primary_name:
            (primary,) = self._department_ids((str(primary_name),))
            return groups, primary
        copied_primary = copied.get("PrimaryGroupId")
        is_member = any(row["GroupId"] == copied_primary for row in groups)
        return groups, copied_primary if is_member else None

    def _update(self, command: Command) -> Json:
        body = _body(command.after)
        what = phrase("updating extension {number}", number=command.number)
        if body:
            self.enter(declared("its fields"))
            self.xapi.update_user(_id(command), body, what)
        if own := further.body(command.after):
            # By themselves: what 3CX refuses of them keeps no name and no address away.
            self.enter(declared("its further fields"))
            self.xapi.update_user(_id(command), own, what)
        names = command.after.get("departments")
        if isinstance(names, tuple):
            rows = template.membership_rows(
                self.xapi.memberships(_id(command)),
                self._department_ids(names),
                self.xapi.settings.allowed_roles,
                keeps_rights=True,
            )
            self.enter(declared("its departments"))
            self.xapi.update_user(_id(command), {"Groups": rows}, what)
        primary = command.after.get("primary_department")
        if primary:
            (department,) = self._department_ids((str(primary),))
            self.enter(declared("its primary department"))
            self.xapi.update_user(_id(command), {"PrimaryGroupId": department}, what)
        return {}

    def _department_ids(self, names: tuple[str, ...]) -> dict[int, str]:
        found = {}
        for name in names:
            department = self.cache.department_id(name)
            if department is None:
                raise CommandRejected(
                    phrase("3CX has no department '{name}'. The next run checks again.", name=name)
                )
            found[department] = name
        return found

    def _archive(self, command: Command) -> Json:
        self.enter(command.kind.value)
        receipt = self.archiver.archive(
            ArchiveRequest(
                operation_id(self.run, command.sequence),
                _id(command),
                command.number,
                command.person_name,
                str(command.after["archive"]),
                voicemails=command.after.get("voicemails", True) is True,
                recordings=command.after.get("recordings", True) is True,
            )
        )
        if not receipt.is_verified:
            found = ": " + receipt.summary if receipt.summary else ""
            sentence = phrase(
                "What extension {number} has could not be archived safely{reason}.",
                number=command.number,
                reason=found,
            )
            raise ArchiveNotVerified(listed([sentence, *receipt.problems], " "))
        return {
            "is_verified": True,
            "items": receipt.items,
            "size_bytes": receipt.size_bytes,
            "said": receipt.summary,
            "said_sentence": stored(receipt.summary),
            **({"backup": receipt.backup} if receipt.backup else {}),
        }


def _body(after: Mapping[str, Any]) -> Json:
    return {FIELD_NAMES[name]: value for name, value in after.items() if name in FIELD_NAMES}


def _id(command: Command) -> int:
    if command.extension_id is None:
        raise CommandRejected(declared("The command names no extension."))
    return command.extension_id


def _as_written(present: Json) -> Json:
    groups = [
        {"GroupId": row["GroupId"], "Rights": row.get("Rights") or {}}
        for row in sorted(present.get("Groups") or [], key=lambda row: int(row["GroupId"]))
    ]
    return present | {"Groups": groups}
