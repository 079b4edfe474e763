"""Carries out one decided command against the phone system, step by step, each step resumable.

Called from the threads of ``execute``. It never decides whether to act (``decide`` did) and never touches the
database. A creation has up to five steps; when it is resumed, each later step compares with the live extension
and writes only what is missing, so that every change takes effect once.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.relay_client import template
from services.relay_client.archive import Archiver
from services.relay_client.xapi import Json, Xapi
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension
from shared.errors import ArchiveNotVerified, CommandRejected, NumberInUse, PermanentError

FIELD_NAMES: Mapping[str, str] = {
    "number": "Number",
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "EmailAddress",
    "mobile": "Mobile",
    "enabled": "Enabled",
}


class PartlyDone(PermanentError):
    """The extension was created, but one of its later steps was refused."""

    code = "partly_done"

    def __init__(self, extension_id: int, message: str) -> None:
        super().__init__(message, extension_id=extension_id)
        self.extension_id = extension_id


@dataclass
class StageCache:
    """What many commands of a stage need and nobody changes meanwhile: templates and departments."""

    xapi: Xapi
    _templates: dict[str, Json] = field(default_factory=dict)
    _departments: dict[str, tuple[int, str]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def template(self, number: str) -> Json:
        """The settings of the template extension, read once."""
        with self._lock:
            if number not in self._templates:
                self._templates[number] = read_settings(self.xapi, number)
            return self._templates[number]

    def department_id(self, name: str) -> int | None:
        """The id of a department by its name, regardless of case."""
        with self._lock:
            if self._departments is None:
                self._departments = {
                    item.name.casefold(): (item.id, item.name) for item in self.xapi.departments()
                }
            found = self._departments.get(name.casefold())
            return found[0] if found else None

    def forget_departments(self) -> None:
        """Read them again at the next question."""
        with self._lock:
            self._departments = None


def read_settings(xapi: Xapi, number: str) -> Json:
    """Everything of an extension that a copy of it takes over."""
    fields = ("Id", "Number", "PrimaryGroupId", *template.COPIED_FIELDS)
    return xapi.user(number, fields, template.EXPANDED)


@dataclass(frozen=True, slots=True)
class Performer:
    """The tools of one stage."""

    xapi: Xapi
    cache: StageCache
    archiver: Archiver

    def perform(self, command: Command, live: Extension | None, holder: Extension | None) -> Json:
        """Do it; the result to keep with the command.

        ``live`` is the extension of the command's id; ``holder`` the one that has the number already when a
        creation is resumed, else ``None``.

        :raises UnknownOutcome: a write was sent and no answer came.
        :raises PartlyDone: created, but a later step was refused.
        :raises RollcallError: refused or unreachable; nothing more was done.
        """
        match command.kind:
            case CommandKind.CREATE_GROUP:
                return self._create_department(command)
            case CommandKind.CREATE_EXTENSION:
                return self._create(command, holder)
            case CommandKind.RENUMBER_EXTENSION:
                return self._renumber(command, live, holder)
            case CommandKind.UPDATE_EXTENSION:
                return self._update(command, live)
            case CommandKind.ENABLE_EXTENSION | CommandKind.DISABLE_EXTENSION:
                enabled = bool(command.after["enabled"])
                what = f"{'enabling' if enabled else 'disabling'} extension {command.number}"
                self.xapi.update_user(_id(command), {"Enabled": enabled}, what)
                return {}
            case CommandKind.ARCHIVE_EXTENSION:
                return self._archive(command)
            case CommandKind.DELETE_EXTENSION:
                self.xapi.delete_user(_id(command), command.number)
                return {}
            case CommandKind.ADOPT_EXTENSION:
                return {"extension_id": _id(command)}

    def _create_department(self, command: Command) -> Json:
        try:
            return {"department_id": self.xapi.create_department(str(command.after["name"]))}
        except CommandRejected as refused:
            self.cache.forget_departments()
            existing = self.cache.department_id(str(command.after["name"]))
            if "DUPLICATE" not in str(refused.details.get("warning")) or existing is None:
                raise
            return {"department_id": existing}
        finally:
            self.cache.forget_departments()

    def _create(self, command: Command, holder: Extension | None) -> Json:
        source = command.after.get("template")
        copied = self.cache.template(str(source)) if source else {}
        extension_id = holder.id if holder else self.xapi.create_user(_body(command.after))
        self._follow_up(
            command, extension_id, copied, str(source or ""), holder is not None, keep_roles=False
        )
        return {"extension_id": extension_id}

    def _renumber(self, command: Command, live: Extension | None, holder: Extension | None) -> Json:
        if live is None:
            raise NumberInUse("The old extension is gone.")
        copied = read_settings(self.xapi, live.number)
        if holder is None:
            # An address may be on one extension only; the old one gives it up for the new one.
            if live.email and command.after.get("email"):
                self.xapi.update_user(
                    live.id, {"EmailAddress": ""}, f"freeing the e-mail of extension {live.number}"
                )
            extension_id = self.xapi.create_user(_body(command.after))
        else:
            extension_id = holder.id
        self._follow_up(command, extension_id, copied, live.number, holder is not None, keep_roles=True)
        return {"extension_id": extension_id}

    def _follow_up(
        self,
        command: Command,
        extension_id: int,
        copied: Json,
        source: str,
        is_resumed: bool,
        *,
        keep_roles: bool,
    ) -> None:
        number = command.number
        present = read_settings(self.xapi, number) if is_resumed else {}
        groups, primary = self._groups(command, copied, keep_roles)
        steps: list[tuple[str, Json]] = [
            ("its settings", template.settings_body(copied, source, number)),
            ("its forwarding", template.forwarding_body(copied, source, number)),
            ("its departments", {"Groups": groups} if groups else {}),
            ("its primary department", {"PrimaryGroupId": primary} if primary else {}),
        ]
        for step, body in steps:
            to_write = template.differing(body, _as_written(present)) if is_resumed else body
            if not to_write:
                continue
            try:
                self.xapi.update_user(extension_id, to_write, f"writing {step} of extension {number}")
            except PermanentError as refused:
                raise PartlyDone(
                    extension_id,
                    f"Extension {number} was created, but {step} could not be written: {refused.message}",
                ) from refused

    def _groups(self, command: Command, copied: Json, keep_roles: bool) -> tuple[list[Json], int | None]:
        names = command.after.get("departments")
        rows: list[Json] = copied.get("Groups") or []
        roles = None if keep_roles else self.xapi.settings.allowed_roles
        wanted = None
        if isinstance(names, tuple):
            wanted = self._department_ids(names)
        primary_name = command.after.get("primary_department")
        primary = self._department_ids((str(primary_name),)) if primary_name else {}
        groups = template.membership_rows(rows, wanted, roles)
        return groups, next(iter(primary), None) or copied.get("PrimaryGroupId")

    def _update(self, command: Command, live: Extension | None) -> Json:
        body = _body(command.after)
        what = f"updating extension {command.number}"
        if body:
            self.xapi.update_user(_id(command), body, what)
        names = command.after.get("departments")
        if isinstance(names, tuple):
            rows = template.membership_rows(
                self.xapi.memberships(_id(command)), self._department_ids(names), None
            )
            self.xapi.update_user(_id(command), {"Groups": rows}, what)
        primary = command.after.get("primary_department")
        if primary:
            (department,) = self._department_ids((str(primary),))
            self.xapi.update_user(_id(command), {"PrimaryGroupId": department}, what)
        return {}

    def _department_ids(self, names: tuple[str, ...]) -> dict[int, str]:
        found = {}
        for name in names:
            department = self.cache.department_id(name)
            if department is None:
                raise CommandRejected(f"3CX has no department '{name}'. The next run looks again.")
            found[department] = name
        return found

    def _archive(self, command: Command) -> Json:
        receipt = self.archiver.archive(_id(command), command.number, str(command.after["archive"]))
        if not receipt.is_verified:
            raise ArchiveNotVerified(
                f"The voicemails and recordings of extension {command.number} could not be proven safe in the "
                "archive. The extension stays disabled and is not deleted."
            )
        return {"is_verified": True, "items": receipt.items, "size_bytes": receipt.size_bytes}


def _body(after: Mapping[str, Any]) -> Json:
    return {FIELD_NAMES[name]: value for name, value in after.items() if name in FIELD_NAMES}


def _id(command: Command) -> int:
    if command.extension_id is None:
        raise CommandRejected("The command names no extension.")
    return command.extension_id


def _as_written(present: Json) -> Json:
    groups = [
        {"GroupId": row["GroupId"], "Rights": row.get("Rights") or {}}
        for row in sorted(present.get("Groups") or [], key=lambda row: int(row["GroupId"]))
    ]
    return present | {"Groups": groups}
