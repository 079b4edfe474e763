"""A phone system in a few lines, with 3CX's own rules, that a plan can be applied to.

It refuses what 3CX refuses: a number or an e-mail address twice, a change of a number, a department that does
not exist. So a plan whose order is wrong fails here.
"""

from dataclasses import replace

from shared.domain.binding import Binding, BindingOrigin, Shown
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Department, Extension, Membership, PhoneSystemSnapshot
from shared.domain.grace import Grace
from shared.domain.owed import RESTORES
from shared.domain.plan import Plan
from tests.builders.domain import NOW

FIELDS = ("first_name", "last_name", "email", "mobile", "enabled")


class Model:
    """Extensions and bindings as they are after each command."""

    def __init__(self, phone_system: PhoneSystemSnapshot, bindings: list[Binding]) -> None:
        self.extensions = {extension.id: extension for extension in phone_system.extensions}
        self.departments = {department.name.casefold(): department for department in phone_system.departments}
        self.peers = phone_system.peers
        self.bindings = {binding.person_guid: binding for binding in bindings}
        self.graces: dict[str, Grace] = {}
        self.now = NOW
        self.next_id = max(self.extensions, default=0) + 1
        # By sequence: the extensions that commands made, and those that they deleted.
        self.made: dict[int, int] = {}
        self.gone: dict[int, Extension] = {}

    def apply(self, plan: Plan) -> None:
        """Carry out every command in the plan's order, after what is noted with the plan."""
        self.graces |= {grace.holder: grace for grace in plan.graces}
        for grace in plan.ended_graces:
            del self.graces[grace.holder]
        for noted in plan.remembered:
            assert self.bindings[noted.person_guid].extension_id == noted.extension_id
            self.bindings[noted.person_guid] = noted
        done: set[int] = set()
        for command in plan.commands:
            assert set(command.requires) <= done, f"{command.sequence} before what it requires"
            self._apply(command)
            done.add(command.sequence)
        for guid in plan.stale_binding_guids:
            del self.bindings[guid]

    def snapshot(self) -> PhoneSystemSnapshot:
        """The phone system as it is now."""
        return PhoneSystemSnapshot(
            extensions=tuple(self.extensions.values()),
            departments=tuple(self.departments.values()),
            peers=self.peers,
            used_extensions=len(self.extensions),
        )

    def _apply(self, command: Command) -> None:
        match command.kind:
            case CommandKind.CREATE_DEPARTMENT:
                name = str(command.after["name"])
                assert name.casefold() not in self.departments
                self.departments[name.casefold()] = Department(len(self.departments) + 1, name)
            case CommandKind.CREATE_EXTENSION:
                self._bind(command, self._create(command), BindingOrigin.CREATED)
            case CommandKind.RENUMBER_EXTENSION:
                old = self._existing(command)
                if str(command.after.get("email") or "").casefold() == old.email.casefold():
                    self.extensions[old.id] = replace(old, email="")
                self._bind(command, self._create(command), BindingOrigin.CREATED)
            case CommandKind.ADOPT_EXTENSION:
                self._bind(command, self._existing(command).id, BindingOrigin.ADOPTED)
            case CommandKind.REBIND_EXTENSION:
                previous = str(command.after.get("previous_person", ""))
                self.bindings.pop(previous, None)
                self._bind(command, self._existing(command).id, BindingOrigin(str(command.after["origin"])))
            case CommandKind.RELEASE_BINDING:
                assert self._existing(command).id == self.bindings.pop(str(command.person_guid)).extension_id
            case CommandKind.DELETE_EXTENSION:
                extension = self._existing(command)
                assert not extension.enabled, "disabled before deleted"
                self.graces = {
                    holder: grace
                    for holder, grace in self.graces.items()
                    if grace.extension_id != extension.id
                }
                self.gone.setdefault(command.sequence, self.extensions.pop(extension.id))
                self.bindings = {
                    guid: binding
                    for guid, binding in self.bindings.items()
                    if binding.extension_id != extension.id
                }
            case CommandKind.ARCHIVE_EXTENSION:
                assert not self._existing(command).enabled, "disabled before archived"
            case _:
                self._change(command)

    def _existing(self, command: Command) -> Extension:
        assert command.extension_id is not None
        extension = self.extensions[command.extension_id]
        for name, value in command.before.items():
            assert _field(extension, name) == value, f"before of {command.kind}: {name}"
        return extension

    def _create(self, command: Command) -> int:
        number = str(command.after["number"])
        assert number == command.number
        assert number not in {extension.number for extension in self.extensions.values()}, f"{number} twice"
        assert number not in {peer.number for peer in self.peers}, f"{number} is a peer's"
        made = Extension(
            self.next_id, number, memberships=(Membership(1, "DEFAULT"),), primary_department_id=1
        )
        self.next_id += 1
        self.made[command.sequence] = made.id
        if isinstance(restores := command.after.get(RESTORES), int):
            kept = self.gone[restores]
            made = replace(kept, id=made.id, email="")
        self._write(made, command)
        return made.id

    def _change(self, command: Command) -> None:
        extension = self._existing(command)
        self._write(extension, command)
        binding = next((item for item in self.bindings.values() if item.extension_id == extension.id), None)
        if command.kind is CommandKind.DISABLE_EXTENSION:
            self.graces |= {
                holder: replace(grace, began_at=self.now)
                for holder, grace in self.graces.items()
                if grace.extension_id == extension.id and grace.began_at is None
            }
        if binding and "enabled" in command.after:
            self.bindings[binding.person_guid] = replace(
                binding, disabled_by_rollcall=not command.after["enabled"]
            )
        if binding and command.kind is CommandKind.UPDATE_EXTENSION:
            self.bindings[binding.person_guid] = replace(
                binding, shown=_shown(command), person_name=command.person_name or binding.person_name
            )

    def _write(self, extension: Extension, command: Command) -> None:
        after = command.after
        email = str(after.get("email") or "")
        holders = {item.id for item in self.extensions.values() if item.email.casefold() == email.casefold()}
        assert not email or holders <= {extension.id}, f"{email} twice"
        changed = replace(extension, **{name: after[name] for name in FIELDS if name in after})  # type: ignore[arg-type]
        names = after.get("departments")
        if isinstance(names, tuple):
            members = tuple(Membership(self.departments[name.casefold()].id, name) for name in names)
            changed = replace(changed, memberships=members)
        if after.get("primary_department"):
            primary = self.departments[str(after["primary_department"]).casefold()].id
            assert primary in {item.department_id for item in changed.memberships}, (
                "primary without membership"
            )
            changed = replace(changed, primary_department_id=primary)
        self.extensions[extension.id] = changed

    def _bind(self, command: Command, extension_id: int, origin: BindingOrigin) -> None:
        if command.person_guid is None:
            return
        for guid, item in list(self.bindings.items()):
            if item.extension_id == extension_id and guid != command.person_guid:
                if command.kind is CommandKind.REBIND_EXTENSION:
                    # Known again by what it showed, as soon as its own turn comes.
                    self.bindings[guid] = replace(item, extension_id=-extension_id)
                else:
                    del self.bindings[guid]
        self.bindings[command.person_guid] = Binding(
            command.person_guid,
            extension_id,
            str(command.after.get("number", command.number)),
            origin,
            command.person_name,
            bool(command.after.get("disabled_by_rollcall", False)),
            _shown(command),
        )


def _shown(command: Command) -> Shown:
    is_new = command.kind in (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)
    fields = {**({} if is_new else command.before), **command.after}
    return Shown(*(str(fields.get(name, "")) for name in Shown._fields))


def _field(extension: Extension, name: str) -> object:
    if name == "departments":
        return tuple(sorted(item.department for item in extension.memberships))
    return getattr(extension, name)
