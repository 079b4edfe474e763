"""A command's changes as a person reads them."""

from services.api.console import words
from services.cli.output import change_of
from shared.database.tables import CommandRow
from shared.domain.command import CommandKind


def test_an_extension_that_gets_its_settings_back_is_not_told_the_id_of_a_command() -> None:
    after = {"number": "204", "restores": 79}
    assert words.changes({}, after) == [("Number", None, "204"), ("Settings as before", None, "yes")]
    row = CommandRow(kind=CommandKind.CREATE_EXTENSION, before={}, after=after)
    assert change_of(row) == "number: 204\nrestores: yes"
