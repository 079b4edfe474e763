"""The days between disabling and deleting: what the rules say of a leaver today, and what is remembered of it. Pure.

Days count only while the extension is disabled: one that is enabled, or was enabled in between, begins them anew, and so
does another way of leaving. What a person decided for one extension stands whatever the rules, until its person returns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from shared.domain.extension import Extension
from shared.domain.grace import Departure, Grace, holder_of
from shared.domain.rules import Outcome, Rules


class Graces:
    """The countdowns of one plan: those known before, and those that stand after it.

    ``noted`` are by holder those that begin, change or go on; ``ended`` what is known no longer stands for.
    """

    def __init__(self, known: Iterable[Grace], rules: Rules, now: datetime) -> None:
        self.known: Mapping[str, Grace] = {grace.holder: grace for grace in known}
        self.noted: dict[str, Grace] = {}
        self._rules, self._now = rules, now
        self._unclear: set[str] = set()

    def outcome(self, guid: str | None, departure: Departure, extension: Extension) -> Outcome:
        """What is done today: of ``disable_then_delete`` the part whose time it is."""
        outcome, grace = self._rules.when(departure).outcome, self._current(guid, departure, extension)
        if outcome in (Outcome.KEEP, Outcome.DISABLE):
            return outcome
        if grace.is_protected(self._now):
            return Outcome.DISABLE
        if outcome is Outcome.DISABLE_THEN_DELETE:
            return Outcome.DELETE if grace.is_over(self._now) else Outcome.DISABLE
        return outcome

    def is_protected(self, guid: str) -> bool:
        """Whether a person has decided that the leaver's extension is not deleted yet."""
        return guid in self.known and self.known[guid].is_protected(self._now)

    def note(self, guid: str | None, departure: Departure, extension: Extension, name: str) -> Grace | None:
        """Remember that the leaver's extension is disabled, or goes on to be; the countdown, if there is one."""
        grace = replace(self._current(guid, departure, extension), name=name)
        has_days = self._rules.when(departure).outcome is Outcome.DISABLE_THEN_DELETE
        # Without days, what a person has decided may still be asked for when the rules change.
        if not has_days and not grace.is_protected(self._now):
            return None
        self.noted[grace.holder] = grace
        return grace

    def leave(self, guid: str) -> None:
        """What is known of them stays as it is: this plan cannot tell whether they left."""
        self._unclear.add(guid)

    def changed(self) -> tuple[Grace, ...]:
        """Those to be stored, by holder."""
        changed = [grace for grace in self.noted.values() if grace != self.known.get(grace.holder)]
        return tuple(sorted(changed, key=lambda grace: grace.holder))

    def ended(self) -> tuple[Grace, ...]:
        """Those that stand for nothing any more: the person is back, or has no such extension or rule now."""
        gone = [item for item in self.known.keys() - self.noted.keys() if item not in self._unclear]
        return tuple(self.known[holder] for holder in sorted(gone))

    def standing(self) -> tuple[Grace, ...]:
        """All that there are after the plan, by holder."""
        return tuple(sorted(self.noted.values(), key=lambda grace: grace.holder))

    def _current(self, guid: str | None, departure: Departure, extension: Extension) -> Grace:
        """The countdown as it is by the rules of today."""
        holder, known = holder_of(guid, extension.id), None
        known = self.known.get(holder)
        if (
            known is not None
            and guid is None
            and (known.number, known.name) != (extension.number, extension.name)
        ):
            # Nobody's, and given to somebody else since.
            known = None
        goes_on = known is not None and known.departure is departure and not extension.enabled
        began_at = known.began_at if known is not None and goes_on else None
        if began_at is None and not extension.enabled:
            began_at = self._now
        until = known.until if known is not None else None
        if (
            until is not None
            and until <= self._now
            and not (goes_on and known is not None and known.began_at)
        ):
            until = None
        return Grace(
            holder,
            extension.id,
            extension.number,
            extension.name,
            departure,
            self._rules.when(departure).grace_days,
            began_at,
            until,
            known is not None and known.is_kept,
        )
