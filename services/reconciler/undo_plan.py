"""An undo's plan in the making: what it is laid down with, and what it concedes. Pure."""

from collections.abc import Iterable

from services.reconciler.drafts import Draft
from services.reconciler.undo_history import Deed
from shared.domain.binding import Binding
from shared.domain.command import CommandKind
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.plan import Finding, FindingCode, Severity
from shared.domain.protection import reserved_by
from shared.domain.rules import Rules
from shared.language import declared, listed, named, phrase
from shared.values.keys import email_key


class UndoPlan:
    """Commands and findings so far, beside what the phone system shows now; see ``drafts.Concessions``."""

    def __init__(
        self, run_id: int, phone_system: PhoneSystemSnapshot, bindings: Iterable[Binding], rules: Rules
    ) -> None:
        self.drafts: list[Draft] = []
        self.findings: list[Finding] = []
        self.bound = {binding.person_guid: binding for binding in bindings}
        self.holders = {binding.extension_id: binding for binding in self.bound.values()}
        self.run_id, self.rules, self.reserved = run_id, rules, reserved_by(rules)
        self.by_id = {extension.id: extension for extension in phone_system.extensions}
        self._by_number = {extension.number: extension for extension in phone_system.extensions}
        self._taken = {peer.number for peer in phone_system.peers}
        self._by_email = {
            email_key(extension.email): extension for extension in phone_system.extensions if extension.email
        }

    def tell(self, deed: Deed, message: str, severity: Severity = Severity.WARNING) -> None:
        """Say what is not undone."""
        command = deed.command
        self.findings.append(
            Finding(
                FindingCode.NOT_UNDONE,
                severity,
                message,
                command.number,
                (command.person_guid,) if command.person_guid else (),
                (command.person_name,) if command.person_guid else (),
            )
        )

    def draft(
        self, deed: Deed, kind: CommandKind, reason: str, live: Extension | None, number: str = ""
    ) -> Draft:
        """A command that undoes the deed; it is in no plan before it is added."""
        command = deed.command
        return Draft(
            kind,
            number or (live.number if live else command.number),
            reason,
            extension=live,
            evidence=command.reason,
            guid=command.person_guid,
            person_name=command.person_name,
            unit=command.unit,
            undoes=deed.row_id,
        )

    def add(self, draft: Draft) -> None:
        """Lay it down with its claims to what others hold now."""
        if "number" in draft.after and (draft.number in self._by_number or draft.number in self._taken):
            draft.claims.add(("number", draft.number))
        email = str(draft.after.get("email") or "")
        holder = self._by_email.get(email_key(email)) if email else None
        if holder is not None and (draft.extension is None or holder.id != draft.extension.id):
            draft.claims.add(("email", email_key(email)))
        self.drafts.append(draft)

    def leave(self, deed: Deed, fields: Iterable[str]) -> None:
        """Say that what somebody changed since is left as it is."""
        what = listed(map(named, fields)) or declared("who it belongs to")
        self.tell(
            deed,
            phrase(
                "Extension {number} was changed after run {run} ({what}). This is left as it is.",
                number=deed.command.number,
                run=self.run_id,
                what=what,
            ),
        )

    def _give_up(self, draft: Draft, message: str) -> None:
        guids = (draft.guid,) if draft.guid else ()
        names = (draft.person_name,) if draft.guid else ()
        self.findings.append(
            Finding(FindingCode.NOT_UNDONE, Severity.WARNING, message, draft.number, guids, names)
        )

    def give_up_number(self, draft: Draft) -> None:
        """The number is another's by now."""
        self._give_up(
            draft, phrase("The number {number} is in use by another extension.", number=draft.number)
        )

    def give_up_email(self, draft: Draft) -> bool:
        """The address is another's by now."""
        email = draft.after.pop("email", "")
        draft.before.pop("email", None)
        self._give_up(
            draft, phrase("The e-mail address {email} is in use by another extension.", email=email)
        )
        return bool(draft.after)

    def give_up_cycle(self, drafts: list[Draft]) -> None:
        """These numbers wait for one another."""
        for draft in drafts:
            self.give_up_number(draft)
