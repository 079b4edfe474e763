"""The list of what belongs to an extension, and its page in the documentation."""

from pathlib import Path

from shared.domain import carried

PAGE = Path(__file__).parents[3] / "docs" / "templates.md"


def test_the_page_about_templates_shows_the_list_as_it_is() -> None:
    _words, _head, table = PAGE.read_text().partition("| What |")
    assert f"| What |{table}" == carried.as_table(), "write carried.as_table() into docs/templates.md"


def test_whatever_is_no_plain_copy_says_why() -> None:
    plain = {"copied", "from the directory", "made by 3CX", "stays", "the successor's, from the directory"}
    for each in carried.BELONGINGS:
        if {each.template.value, each.new_number.value} - plain:
            assert each.why or each.field == "PrimaryGroupId", each
