"""Which directory the rows and findings of a plan are about, in a site that has several. Pure.

Said in one place, so that Log, plan, findings and explanation have it alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.domain.plan import Plan
from shared.language import declared, phrase


def with_directory_names(plan: Plan, homes: Mapping[str, str | None], titles: Mapping[str, str]) -> Plan:
    """The plan with the directories of the people concerned in its reasons and findings.

    ``homes`` are the keys of the directories by objectGUID, ``titles`` what each is called: none where there is only one.
    """
    if not titles:
        return plan

    def _named(sentence: str, guids: Iterable[str | None]) -> str:
        keys = {homes.get(guid or "") for guid in guids}
        names = [title for key, title in titles.items() if key in keys]
        if not names:
            return sentence
        return phrase(
            "{sentence} {directories}: {names}.",
            sentence=sentence,
            directories=declared("Directory") if len(names) == 1 else declared("Directories"),
            names=", ".join(names),
        )

    return replace(
        plan,
        commands=tuple(
            replace(command, reason=_named(command.reason, [command.person_guid]))
            for command in plan.commands
        ),
        findings=tuple(
            replace(finding, message=_named(finding.message, finding.person_guids))
            for finding in plan.findings
        ),
    )
