"""What the rooms of the planner share while one plan is made: who is who, and what they lay down. Pure.

The rooms (``joiners``, ``holders``, ``leavers``) look things up here and add drafts and findings.
"""

from collections import defaultdict

from services.reconciler.departments import Departments
from services.reconciler.drafts import Draft
from services.reconciler.findings import Findings
from services.reconciler.identity import Assignment, resolve
from services.reconciler.situation import Situation
from shared.domain.extension import Extension
from shared.domain.person import Person


class Worktable:
    """One plan in the making.

    ``accounted_for`` are the ids of extensions that somebody of the directory stands for, or that a conflict is about:
    these are never "nobody's". ``held_back`` counts the changes that wait for proof of absence. ``rebinding`` are, by
    GUID, the drafts that move a binding to another id, ``finishing`` those that finish an extension.
    """

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.rules = situation.rules
        self.evidence = situation.evidence
        self.assignment: Assignment = resolve(situation)
        self.departments = Departments(
            situation.rules,
            situation.phone_system.departments,
            situation.phone_system.department_name_limit,
        )
        self.drafts: list[Draft] = []
        self.findings = Findings()
        self.accounted_for: set[int] = set()
        self.held_back = 0
        self.without_template: dict[str, list[Person]] = defaultdict(list)
        self.rebinding: dict[str, Draft] = {}
        self.finishing: dict[str, Draft] = {}

    def extension_of(self, guid: str) -> Extension | None:
        """The extension that is bound to the person and shows them."""
        return self.assignment.extension_of.get(guid)

    def account_for(self, number: str | None) -> None:
        """Note that somebody stands for the extension with this number, if there is one."""
        holder = self.situation.by_number.get(number) if number is not None else None
        if holder is not None:
            self.accounted_for.add(holder.id)
