"""What the command line prints is what there is."""

import pytest

from services.cli.output import console, say


def test_a_name_with_colons_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say("Fingerprint D6:AB:BC, Ada :smile: Lovelace")
    console().print("D6:AB:BC :smile:")
    printed = capsys.readouterr()
    assert printed.err == "Fingerprint D6:AB:BC, Ada :smile: Lovelace\n"
    assert printed.out == "D6:AB:BC :smile:\n"
