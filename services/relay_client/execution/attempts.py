"""What went wrong with a command so far, counted for each of its steps: a later step has all its tries.

Tries in the hands of one worker are counted here. Those that ended their worker are counted with the owed steps of the
extension, before the step is written again; a command that owes none has the count of its claims.
"""

from services.relay_client.execution.claims import MAX_ATTEMPTS, Claim
from services.relay_client.xapi.errors import UnknownOutcome
from shared.database import owed
from shared.database.engine import Database
from shared.language import phrase

# Writes of one step that may go unanswered, or be put off, before something else must happen.
_MOST_UNANSWERED = 4
_MOST_BUSY = 8
# After a write that went unanswered; twice as long after each further one.
_FIRST_PAUSE_SECONDS = 0.25


class TooManyAttempts(Exception):
    """The step about to be written was tried as often as it may be."""


class Attempts:
    """The attempts at one claimed command. ``step`` is the one it came to last."""

    def __init__(self, database: Database, site_id: str, claim: Claim) -> None:
        self.step = ""
        self.is_too_often = False
        self._database, self._site_id, self._claim = database, site_id, claim
        self._unanswered: dict[str, list[UnknownOutcome]] = {}
        self._busy: dict[str, int] = {}
        self._counted: dict[str, int] = {}

    def enter(self, step: str) -> None:
        """Before the step is written.

        :raises TooManyAttempts: it has had its tries.
        """
        self.step = step
        if len(self._unanswered.get(step, ())) >= _MOST_UNANSWERED or self._deaths(step) >= MAX_ATTEMPTS:
            self.is_too_often = True
            raise TooManyAttempts

    def unanswered_pause_seconds(self, error: UnknownOutcome) -> float:
        """Note that the step went unanswered; how long to wait before the next try."""
        noted = self._unanswered.setdefault(self.step, [])
        noted.append(error)
        return float(_FIRST_PAUSE_SECONDS * 2 ** (len(noted) - 1))

    def is_busy_too_often(self) -> bool:
        """Note that the step was put off."""
        self._busy[self.step] = self._busy.get(self.step, 0) + 1
        return self._busy[self.step] >= _MOST_BUSY

    @property
    def is_counted(self) -> bool:
        """Whether the step that it came to last was counted with the owed steps."""
        return self.step in self._counted

    def why(self) -> tuple[str, str]:
        """Code of the error and the end of the sentence, of a step that was tried too often."""
        unanswered = self._unanswered.get(self.step)
        if unanswered:
            last = unanswered[-1]
            return last.code, (
                phrase(
                    "after {most_unanswered} attempts, although the phone system responds to other requests: "
                    "{message} The next run compares again.",
                    most_unanswered=_MOST_UNANSWERED,
                    message=last.message,
                )
            )
        return (
            "given_up",
            phrase(
                "because its worker ended early {max_attempts} times. The next run compares again.",
                max_attempts=MAX_ATTEMPTS,
            ),
        )

    def _deaths(self, step: str) -> int:
        """How many workers have died at this step, as far as is known."""
        if not self._claim.was_interrupted:
            return 0
        if step not in self._counted:
            with self._database.begin() as session:
                tries = owed.tried(session, self._site_id, self._claim.command.number, step)
            if tries is None:
                return self._claim.attempts - 1
            # This one is counted already; the first worker, whom nothing had interrupted, was not.
            self._counted[step] = tries
        return self._counted[step]
