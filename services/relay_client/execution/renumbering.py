"""Gives an extension under a new number whatever the old one had, in the order that leaves its person reachable.

The old one stays in service and in every queue until the new one is in place everywhere; it goes by commands of its own.
Each write compares with what is there, so that an interrupted renumbering goes on where it ended.
"""

from dataclasses import dataclass
from typing import Any

from services.relay_client.execution.keeping import Keeper
from services.relay_client.execution.references import References
from services.relay_client.execution.steps import FollowUp, Step
from services.relay_client.xapi import pointing, template
from services.relay_client.xapi.client import Xapi
from services.relay_client.xapi.errors import REFUSED
from services.relay_client.xapi.pointing import WITH_PEOPLE
from shared.domain.extension import Extension
from shared.language import declared, phrase

Json = dict[str, Any]


@dataclass
class Renumbering:
    """One renumbering: from ``former``, read as ``copied``, to the number ``number``."""

    xapi: Xapi
    references: References
    keeper: Keeper
    former: Extension
    copied: Json
    number: str

    def __post_init__(self) -> None:
        """Find out what must change hands: what an earlier try has taken off already is not there to be read."""
        self._here = {field: self.copied[field] for field in template.LINK_FIELDS if self.copied.get(field)}
        phones = template.phone_rows(self.copied)
        kept = self.keeper.kept(self.number)
        self.moving: Json = kept | self._here | ({template.PHONES: phones} if phones else {})
        self._is_kept = self.moving == kept

    def keep(self) -> None:
        """Remember what changes hands, before anything is taken off."""
        if not self._is_kept:
            self.keeper.keep(self.number, self.moving)
            self._is_kept = True

    def first_steps(self, email: str, *, is_email_moving: bool) -> list[Step]:
        """What 3CX takes once: freed at the old extension, then given to the new one."""
        steps = []
        links = {field: self.moving[field] for field in template.LINK_FIELDS if field in self.moving}
        for name, body, is_freed in (
            ("e-mail", {"EmailAddress": email} if email else {}, is_email_moving),
            (declared("public links"), links, bool(self._here)),
        ):
            if is_freed:
                freeing = phrase(
                    "the freeing of the {name} of extension {number}", name=name, number=self.former.number
                )
                steps.append(Step(freeing, dict.fromkeys(body, ""), of_extension=self.former.id))
            steps.append(Step(f"its {name}", body))
        return steps

    def carry_over(self, follow_up: FollowUp) -> list[str]:
        """Everything outside the extension itself, and its phones; in words, what could not go along."""
        old, new = self.former.number, self.number
        self.references.made(follow_up.extension_id, self.copied, follow_up)
        self.references.change(
            old,
            WITH_PEOPLE,
            lambda kind, row: pointing.beside(kind, row, old, new),
            follow_up,
            declared("its place"),
        )
        lost = self._phones(follow_up)
        self.references.renumber(old, new, self.former.id, follow_up)
        if not follow_up.refusals:
            self.references.change(
                old,
                WITH_PEOPLE,
                lambda kind, row: pointing.without(kind, row, old),
                follow_up,
                phrase("the end of extension {number}", number=old),
            )
        follow_up.write_one(Step("its status", template.status_body(self.copied)))
        return [*template.lost(self.copied), *lost]

    def _phones(self, follow_up: FollowUp) -> list[str]:
        """Take the phones off the old extension and give them to the new one, or back when it may not have them."""
        phones: list[Json] = self.moving.get(template.PHONES) or []
        given = {template.PHONES: phones}
        if not phones or (follow_up.present and not template.differing(given, follow_up.present)):
            return []
        old = self.former
        is_taken_off = not self.copied.get(template.PHONES)
        freeing = Step(f"the freeing of the phones of extension {old.number}", {template.PHONES: []}, old.id)
        if not is_taken_off and not follow_up.write_one(freeing):
            return []
        if not follow_up.write_one(Step("its phones", given)):
            follow_up.write_one(Step(f"the return of the phones to extension {old.number}", given, old.id))
            return []
        lost = []
        for mac in filter(None, (str(phone.get("MacAddress") or "") for phone in phones)):
            try:
                self.xapi.reprovision(mac, self.number)
            except REFUSED:
                lost.append(phrase("the phone {mac} was not told to fetch its settings: restart it", mac=mac))
        return lost
