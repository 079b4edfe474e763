"""Takes out of a plan what rests on a reading that may be older than what is known. Pure.

The rule (docs/decisions/0010-controllers-differ.md): of a reading that is not proven to be as fresh as the last one
that counted, only a disabled account counts at once, and what the same controller was seen to change since its last
reading. Everything else waits: for a reading that is proven, or until every reading has agreed for a while.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.reconciler.findings import listed
from shared.domain.command import Command, CommandKind
from shared.domain.memory import Doubt, Memory, Readings
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.domain.reading import Freshness, all_cover
from shared.language import declared, phrase

# What rests on somebody's absence.
_REMOVING = (
    CommandKind.RELEASE_BINDING, CommandKind.REBIND_EXTENSION, CommandKind.DISABLE_EXTENSION,
    CommandKind.ARCHIVE_EXTENSION, CommandKind.DELETE_EXTENSION,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run has read of the directory: by whom, a digest of what (empty when not all), and who may not work.

    ``inactive`` are the objectGUIDs of people whose account is disabled or has expired. ``is_about`` tells of a key (an
    objectGUID, or what names an extension that is nobody's) whether it is for this directory to say.
    """

    readings: Readings
    content: str
    inactive: Collection[str]
    is_about: Callable[[str], bool] = lambda _key: True


@dataclass(frozen=True, slots=True)
class Weighed:
    """The plan with what counts, the memory after it, and what is to be said when something waits."""

    plan: Plan
    memory: Memory
    finding: Finding | None = None


def weigh(
    plan: Plan,
    evidence: Evidence,
    memory: Memory,
    now: datetime,
    patience: timedelta,
) -> Weighed:
    """Leave out what has to wait, and remember."""
    freshness = memory.freshness_of(evidence.readings, evidence.content)
    if freshness is Freshness.PROVEN and not memory.doubts:
        return Weighed(plan, memory.accepting(evidence.readings, evidence.content))
    scale = _Scale(plan, evidence, memory, freshness, now, patience)
    kept = scale.kept(scale.waiting())
    waiting = scale.left(kept)
    doubts = scale.doubts(waiting, kept)
    is_over = memory.behind_since is not None and now - memory.behind_since >= patience
    if freshness is Freshness.PROVEN or ((is_over or not memory.alternatives) and not waiting):
        after = memory.accepting(evidence.readings, evidence.content)
        freshness = Freshness.PROVEN
    else:
        after = memory.doubting(evidence.readings, now)
    after = replace(after, doubts=doubts)
    finding = None
    if waiting or freshness is not Freshness.PROVEN:
        finding = _finding(plan, evidence.readings, memory, after, waiting, freshness, patience)
    return Weighed(_limited(plan, kept, waiting, freshness, evidence.is_about), after, finding)


def weigh_all(
    plan: Plan,
    evidence: Mapping[str, Evidence],
    memories: Mapping[str, Memory],
    now: datetime,
    patience: Mapping[str, timedelta],
) -> tuple[Plan, dict[str, Memory], tuple[Finding, ...]]:
    """Weigh the plan by each directory in turn: what rests on one of them waits for that one alone.

    All doubts are in the memory of the first directory (``""``); of a directory that was not read the memory stays as it is.
    """
    after, findings = dict(memories), list[Finding]()
    doubts = dict(memories.get("", Memory()).doubts)
    for key, read in evidence.items():
        own = {person: doubt for person, doubt in doubts.items() if read.is_about(person)}
        weighed = weigh(plan, read, replace(memories.get(key, Memory()), doubts=own), now, patience[key])
        plan = weighed.plan
        findings += [weighed.finding] if weighed.finding is not None else []
        doubts = {person: doubt for person, doubt in doubts.items() if person not in own} | dict(
            weighed.memory.doubts
        )
        after[key] = replace(weighed.memory, doubts={})
    after[""] = replace(after.get("", Memory()), doubts=doubts)
    return plan, after, tuple(findings)


class _Scale:
    """One plan being weighed. A key is a person's objectGUID, or names an extension that is nobody's."""

    def __init__(
        self,
        plan: Plan,
        evidence: Evidence,
        memory: Memory,
        freshness: Freshness,
        now: datetime,
        patience: timedelta,
    ) -> None:
        self._commands = plan.commands
        self._evidence = evidence
        self._memory = memory
        self._is_proven = freshness is Freshness.PROVEN
        self._now = now
        self._patience = patience
        # Whatever the controller shows otherwise than at the last reading, it was told since.
        self._continues = (
            bool(memory.latest) and all_cover(evidence.readings, memory.latest) is Freshness.PROVEN
        )
        self._digests = {key: digest for key, digest in _digests(plan).items() if evidence.is_about(key)}
        self._losing = {_key(command) for command in plan.commands if command.kind in _REMOVING}

    def waiting(self) -> set[str]:
        """The keys whose commands wait, with those that need one of them."""
        waiting = {key for key in self._digests if not self._counts(key)}
        by_sequence = {command.sequence: command for command in self._commands}
        changed = bool(waiting)
        while changed:
            changed = False
            for command in self._commands:
                key = _key(command)
                needed = (_key(by_sequence[sequence]) for sequence in command.requires)
                if key and key not in waiting and not waiting.isdisjoint(needed):
                    waiting.add(key)
                    changed = True
        return waiting

    def kept(self, waiting: Collection[str]) -> set[int]:
        """The sequences of the commands that count."""
        # A department is created for those who need it.
        groups = {
            command.sequence for command in self._commands if command.kind is CommandKind.CREATE_DEPARTMENT
        }
        kept: set[int] = set()
        for command in self._commands:
            key, needed = _key(command), set(command.requires)
            if (
                key
                and kept.issuperset(needed - groups)
                and (key not in waiting or self._goes_at_once(command))
            ):
                kept |= {command.sequence, *needed}
        return kept

    def left(self, kept: Collection[int]) -> set[str]:
        """The keys that something waits for."""
        conflicts = set(self._digests.keys() - {_key(command) for command in self._commands})
        left = {_key(command) for command in self._commands if command.sequence not in kept} - {""}
        return left | {key for key in conflicts if not self._counts(key)}

    def doubts(self, waiting: Collection[str], kept: Collection[int]) -> dict[str, Doubt]:
        """What is remembered of people after this plan."""
        acted = {_key(command) for command in self._commands if command.sequence in kept}
        acted = {key for key in acted if self._evidence.is_about(key)}
        found: dict[str, Doubt] = {}
        for key in {*self._memory.doubts, *waiting, *acted} - {""}:
            before = self._memory.doubts.get(key)
            needs = before.needs if before is not None else ()
            if key not in waiting and key in self._digests and self._is_proven:
                continue
            digest = self._digests.get(key, "") if key in waiting else ""
            is_same = before is not None and before.digest == digest
            since = before.since if before is not None and is_same else self._now
            if not self._is_proven and key in acted:
                kept_needs = (item for item in needs if item.source not in self._sources())
                needs, since = (*kept_needs, *self._evidence.readings), self._now
            elif self._is_proven and (self._holds(needs) or self._agrees_since(key, since)):
                needs = ()
            if digest or needs:
                found[key] = Doubt(digest, since, needs)
        return found

    def _agrees_since(self, key: str, since: datetime) -> bool:
        """Whether readings that count have long shown the person just as what was done on the word of another."""
        return key not in self._digests and self._now - since >= self._patience

    def _counts(self, key: str) -> bool:
        if not self._memory.alternatives and key not in self._losing:
            # The first reading of all, from a read-only controller: there is nothing it could change back.
            return True
        doubt = self._memory.doubts.get(key)
        has_waited = doubt is not None and bool(doubt.digest)
        if (doubt is None or self._holds(doubt.needs)) and (
            self._is_proven or (self._continues and not has_waited)
        ):
            return True
        return (
            doubt is not None
            and doubt.digest == self._digests[key]
            and self._now - doubt.since >= self._patience
        )

    def _goes_at_once(self, command: Command) -> bool:
        """A disabled account is evidence of its own, on any controller."""
        return (
            command.kind is CommandKind.DISABLE_EXTENSION and command.person_guid in self._evidence.inactive
        )

    def _holds(self, needs: Readings) -> bool:
        return all_cover(self._evidence.readings, needs) is Freshness.PROVEN

    def _sources(self) -> set[str]:
        return {reading.source for reading in self._evidence.readings}


def _key(command: Command) -> str:
    if command.person_guid:
        return command.person_guid
    return (
        phrase("extension {extension_id}", extension_id=command.extension_id)
        if command.extension_id is not None
        else ""
    )


def _digests(plan: Plan) -> dict[str, str]:
    """By key, what the plan would do with them, and what it cannot do for a conflict."""
    planned: dict[str, list[object]] = {}
    for command in plan.commands:
        if _key(command):
            what = [command.kind, command.number, dict(command.after)]
            planned.setdefault(_key(command), []).append(what)
    for finding in plan.findings:
        if finding.severity is Severity.CONFLICT:
            for guid in finding.person_guids:
                planned.setdefault(guid, []).append(finding.code)
    return {
        key: hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
        for key, what in planned.items()
    }


def _limited(
    plan: Plan,
    kept: Collection[int],
    waiting: Collection[str],
    freshness: Freshness,
    is_about: Callable[[str], bool],
) -> Plan:
    is_proven = freshness is Freshness.PROVEN
    commands = tuple(command for command in plan.commands if command.sequence in kept)
    findings = [
        finding
        for finding in plan.findings
        if not (finding.person_guids and set(finding.person_guids) <= set(waiting))
    ]
    return replace(
        plan,
        commands=commands,
        findings=tuple(findings),
        # Whoever is gone on the controller that is behind may have been moved or made again since.
        stale_binding_guids=tuple(
            guid for guid in plan.stale_binding_guids if is_proven or not is_about(guid)
        ),
        remembered=tuple(item for item in plan.remembered if is_proven or not is_about(item.person_guid)),
        # Whoever is back there may only not yet have left.
        ended_graces=tuple(
            grace
            for grace in plan.ended_graces
            if (is_proven or not is_about(grace.holder)) and grace.holder not in waiting
        ),
        numbers_changed=plan.numbers_changed if is_proven else (),
        numbers_forgotten=plan.numbers_forgotten if is_proven else (),
    )


_STATES: Mapping[Freshness, str] = {
    Freshness.BEHIND: declared("has not yet received everything that {known} had"),
    Freshness.ROLLED_BACK: declared("was restored from a backup: it has fewer changes than {known} had"),
    Freshness.UNKNOWN: declared("may not have received everything that {known} had"),
}
# Only a read-only controller is doubted when nothing is known yet.
_FIRST = declared("is read-only, and there is no earlier reading that shows how much it has received")


def _finding(
    plan: Plan,
    readings: Readings,
    before: Memory,
    after: Memory,
    waiting: Collection[str],
    freshness: Freshness,
    patience: timedelta,
) -> Finding:
    named: dict[str, str] = {}
    for command in plan.commands:
        if _key(command) in waiting:
            named.setdefault(_key(command), f"{command.person_name or 'extension'} ({command.number})")
    for finding in plan.findings:
        for guid, name in zip(finding.person_guids, finding.person_names, strict=False):
            if guid in waiting:
                named.setdefault(guid, name)
    known = before.last
    if freshness is Freshness.PROVEN:
        known = tuple(
            reading for key in waiting if key in after.doubts for reading in after.doubts[key].needs
        )
        freshness = all_cover(readings, known)
    state = (
        _STATES.get(freshness, _STATES[Freshness.UNKNOWN]).format(known=_named(known)) if known else _FIRST
    )
    at = max((reading.read_at for reading in known if reading.read_at is not None), default=None)
    when = phrase(" at {moment} UTC", moment=f"{at:%Y-%m-%d %H:%M}") if at else ""
    since = (
        phrase(
            " It has been behind since {behind_since} UTC.",
            behind_since=f"{after.behind_since:%Y-%m-%d %H:%M}",
        )
        if after.behind_since
        else ""
    )
    held = declared("No person is affected.")
    if waiting:
        who = listed(named[key] for key in sorted(named))
        held = phrase(
            "Nothing is changed for {who} until it has caught up, the other one responds again, or every "
            "reading has been the same for {patience:.0f} hours.",
            who=who,
            patience=patience.total_seconds() / 3600,
        )
    forget = (known[0].controller or known[0].server) if known else ""
    gone = (
        phrase(" If {forget} no longer exists: rollcall controller forget {forget}.", forget=forget)
        if forget
        else ""
    )
    guids = tuple(sorted(key for key in waiting if not key.startswith("extension ")))
    return Finding(
        FindingCode.CONTROLLER_BEHIND,
        Severity.WARNING,
        phrase(
            "Domain controller {controller} {state}{when}.{since} {held}{gone}",
            controller=_named(readings),
            state=state,
            when=when,
            since=since,
            held=held,
            gone=gone,
        ),
        "",
        guids,
        tuple(named.get(guid, "") for guid in guids),
    )


def _named(readings: Readings) -> str:
    return listed(dict.fromkeys(reading.name for reading in readings)) or declared("the directory")
