"""What the command line prints is what there is."""

import pytest

from services.cli.output import console, say, show_run
from shared.database.tables import Run
from shared.domain.plan import HoldReason


def test_a_name_with_colons_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say("Fingerprint D6:AB:BC, Ada :smile: Lovelace")
    console().print("D6:AB:BC :smile:")
    printed = capsys.readouterr()
    assert printed.err == "Fingerprint D6:AB:BC, Ada :smile: Lovelace\n"
    assert printed.out == "D6:AB:BC :smile:\n"


@pytest.mark.parametrize(("state", "is_said"), [("held", True), ("planned", True), ("done", False)])
def test_why_approval_is_needed_is_said_only_while_a_run_waits(
    capsys: pytest.CaptureFixture[str], state: str, is_said: bool
) -> None:
    run = Run(id=3, state=state, counts={"create_extension": 1}, hold_reasons={}, error_message=None)
    show_run(run, [HoldReason("first_run", "This is the first run of this site.")])
    assert ("first run" in capsys.readouterr().out) is is_said
