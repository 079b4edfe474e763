"""Judges an episode by what both ends really were. Pure: takes the book's entries, says what is wrong.

It knows nothing of Rollcall but which runs said "in sync", what its Log tells, and what its audit holds.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.domain.notifying import MessageState
from tests.faults.campaign.book import Effect, Moment, Person, SeenRun, Where


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge by. ``told`` is how often the Log tells each kind of event of each number."""

    people: Mapping[str, Person]
    effects: Sequence[Effect]
    moments: Sequence[Moment]
    runs: Sequence[SeenRun]
    told: Mapping[tuple[str, str], int]


def judge(evidence: Evidence) -> list[str]:
    """Every violation, each as a sentence."""
    return [sentence for judgement in JUDGEMENTS for sentence in judgement(evidence)]


def _by_first_name(evidence: Evidence) -> dict[str, Person]:
    return {person.first_name: person for person in evidence.people.values()}


def _deleted_by_hand(evidence: Evidence) -> Counter[str]:
    """By number, how often somebody deleted an extension of whoever has had it."""
    found = Counter[str]()
    for person in evidence.people.values():
        found.update(dict.fromkeys(person.numbers, person.deleted_by_hand))
    return found


def at_most_once(evidence: Evidence) -> list[str]:
    """Every creation and deletion took effect once for each reason there was."""
    found: list[str] = []
    people = _by_first_name(evidence)
    for operation in ("create_user", "delete_user"):
        done = Counter(effect.first_name for effect in evidence.effects if effect.operation == operation)
        for name, times in done.items():
            person = people.get(name)
            if person is None:
                continue
            reasons = len(person.numbers) + person.deleted_by_hand
            if operation == "delete_user":
                reasons = len(person.numbers) - 1 + (Where.GONE in person.been)
            if times > reasons:
                found.append(f"{operation} for {person.login} {times} times, with {reasons} reasons")
        numbers = Counter(effect.number for effect in evidence.effects if effect.operation == operation)
        by_hand = _deleted_by_hand(evidence)
        holders = Counter(number for person in people.values() for number in set(person.numbers))
        found += [
            f"{operation} of {number} {times} times, held by {holders[number]}"
            for number, times in numbers.items()
            if times > holders[number] + by_hand[number]
        ]
    return found


def removed_rightly(evidence: Evidence) -> list[str]:
    """Whoever lost an extension, or its use, had been away, or had it for a number that was not theirs any more."""
    found: list[str] = []
    people = _by_first_name(evidence)
    for effect in evidence.effects:
        is_disabling = bool(effect.before.get("Enabled")) and effect.after.get("Enabled") is False
        if effect.operation != "delete_user" and not is_disabling:
            continue
        person = people.get(effect.first_name)
        if person is None:
            found.append(f"removed what belongs to nobody of the company: {effect}")
            continue
        has_another = len(person.numbers) > 1 and effect.number in person.numbers
        if effect.operation == "delete_user" and not has_another and Where.GONE not in person.been:
            found.append(f"deleted though {person.login} never left: {effect}")
        if is_disabling and not has_another and set(person.been) == {Where.HERE}:
            found.append(f"disabled though {person.login} was never away: {effect}")
    return found


def others_untouched(evidence: Evidence) -> list[str]:
    """Nothing was written to an extension of nobody of the company, and none got another person's first name."""
    names = _by_first_name(evidence).keys()
    found: list[str] = []
    for effect in evidence.effects:
        before, after = effect.before.get("FirstName"), effect.after.get("FirstName")
        if before is not None and before not in names:
            found.append(f"touched an extension of somebody else: {effect}")
        elif before and after and before != after:
            found.append(f"an extension passed from one person to another: {effect}")
        elif before is None and after not in names:
            found.append(f"created an extension for nobody: {effect}")
    return found


def never_backwards(evidence: Evidence) -> list[str]:
    """A name that was replaced in the directory is not written over its successor."""
    found: list[str] = []
    for name, person in _by_first_name(evidence).items():
        order = {value: place for place, value in enumerate(person.last_names)}
        written = [
            effect
            for effect in evidence.effects
            if effect.first_name == name and effect.operation == "update_user"
            and effect.before.get("LastName") != effect.after.get("LastName")
        ]  # fmt: skip
        newest = 0
        for effect in written:
            place = order.get(effect.after["LastName"])
            if place is None or place < newest:
                found.append(f"an older name was written over a newer one: {effect}")
            newest = max(newest, place or 0)
    return found


def in_sync_only_when_so(evidence: Evidence) -> list[str]:
    """While a run lasted that said "in sync", there was a moment at which nothing was owed."""
    found: list[str] = []
    for run in evidence.runs:
        if run.state != "in_step" or run.kind != "full":
            continue
        last_before = [moment for moment in evidence.moments if moment.at <= run.after][-1:]
        within = [moment for moment in evidence.moments if run.after < moment.at <= run.by]
        seen = [moment.owed for moment in (*last_before, *within)]
        if seen and all(seen):
            found.append(f'run {run.id} said "in sync" while {"; ".join(seen[-1])}')
    return found


def told_once(evidence: Evidence) -> list[str]:
    """Each creation and each deletion stands in the Log once, as what it was.

    What was created without an answer and deleted by hand before it was read back has never been, for all that can be known.
    """
    found, by_hand = list[str](), _deleted_by_hand(evidence)
    made = Counter(effect.number for effect in evidence.effects if effect.operation == "create_user")
    told = Counter[str]()
    for code in ("extension.created", "extension.renumbered"):
        told.update({number: times for (what, number), times in evidence.told.items() if what == code})
    for number in sorted(made.keys() | told.keys()):
        if not told[number] <= made[number] <= told[number] + by_hand[number]:
            found.append(f"{number} was created {made[number]} times, the Log tells {told[number]}")
    renumbered = {number for person in evidence.people.values() for number in person.numbers[:-1]}
    gone = Counter(effect.number for effect in evidence.effects if effect.operation == "delete_user")
    said = {number: times for (what, number), times in evidence.told.items() if what == "extension.deleted"}
    for number in sorted((gone.keys() | said.keys()) - renumbered):
        if gone[number] != said.get(number, 0):
            found.append(f"{number} was deleted {gone[number]} times, the Log tells {said.get(number, 0)}")
    return found


def nothing_forgotten(evidence: Evidence) -> list[str]:
    """When all has been calm for some runs, nothing is owed."""
    return [f"forgotten: {sentence}" for sentence in evidence.moments[-1].owed]


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice as the outbox has it. ``what`` is its content, ``run`` the page of the run it is about, if it is about one."""

    id: str
    what: str
    run: str
    state: MessageState
    error: str


def told_to_the_receiver(notices: Sequence[Sent], taken: Sequence[str], failures: int) -> list[str]:
    """Each notice was taken, or is known as not sent (``failures`` is how many of these the Log names); one about a run was
    written once. What else is told may come and go as often as it does.

    One whose answer was lost comes again with the same id, by which its receiver knows it.
    """
    found = [
        f"the notice was written {times} times: {what}"
        for what, times in Counter(notice.what for notice in notices if notice.run).items()
        if times > 1
    ]
    found += [f"nobody wrote the notice {key}" for key in {*taken} - {notice.id for notice in notices}]
    found += [
        f"called sent, and nobody took it: {notice.what}"
        for notice in notices
        if notice.state is MessageState.SENT and notice.id not in taken
    ]
    failed = [notice for notice in notices if notice.state is MessageState.FAILED]
    found += [f"not sent, and nobody says why: {notice.what}" for notice in failed if not notice.error]
    if len(failed) != failures:
        found.append(f"{len(failed)} notices were not sent, the Log tells {failures}")
    return found


JUDGEMENTS: tuple[Callable[[Evidence], list[str]], ...] = (
    at_most_once,
    removed_rightly,
    others_untouched,
    never_backwards,
    in_sync_only_when_so,
    told_once,
    nothing_forgotten,
)
