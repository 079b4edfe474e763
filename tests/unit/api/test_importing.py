"""The form of 3CX Active Directory Sync: what each field becomes, and what is refused with its line."""

import pytest

from services.api.settings.use_cases.importing import FIELDS, differences, form, imported
from shared.errors import SettingsInvalid
from shared.settings.documents import SECTION_MODELS

CURRENT = {section.value: model().model_dump(mode="json") for section, model in SECTION_MODELS.items()}
HEAD = "screen,field,value\n"


def test_an_empty_form_changes_nothing() -> None:
    assert imported(form(), CURRENT) == {}
    assert form().count("\n") == len(FIELDS) + 1


def test_every_field_changes_a_setting_and_nothing_turns_the_schedule_on() -> None:
    examples = {"yes or no": "no", "delete or disable": "disable", "frequency or time of day": "time of day"}
    values = {field: examples.get(field.example, field.example.partition(";")[0]) for field in FIELDS}
    values |= {
        field: "yes"
        for field in FIELDS
        if field.name in ("Add Extensions to 3CX Groups", "Create Missing Group")
    }
    values |= {field: "ipPhone" for field in FIELDS if field.name == "AD Phone Field"}
    values |= {field: "division" for field in FIELDS if field.name == "AD Group Field"}
    values |= {field: "23:45" for field in FIELDS if field.name == "Time Of Day"}
    values |= {field: "7" for field in FIELDS if field.name == "Minutes"}
    values |= {field: f"#{number:06x}" for number, field in enumerate(FIELDS) if "Color" in field.name}
    for field, value in values.items():
        unit = "Active Directory,Organizational Unit,OU=First\n" if field.name == "Template Extension" else ""
        changed = imported(f'{HEAD}{unit}{field.screen},{field.name},"{value}"\n', CURRENT)
        assert differences(CURRENT, changed), field.name
        assert not changed.get("schedule", {}).get("is_enabled"), field.name


def test_units_have_their_own_templates_and_exclusions_are_added() -> None:
    text = (
        f"\ufeff{HEAD.replace(',', ';')}Active Directory;Organizational Unit;OU=A,DC=x\n"
        "active directory;template extension;900\nActive Directory;Organizational Unit;OU=B,DC=x\n"
        "Exclude Extensions;Filter Text;Lobby\nExclude Extensions;Filter Text;Fax\n"
    )
    changed = imported(text, CURRENT)
    assert changed["directory"]["units"] == [
        {"dn": "OU=A,DC=x", "template_extension": "900"}, {"dn": "OU=B,DC=x"},
    ]  # fmt: skip
    assert [rule["value"] for rule in changed["rules"]["exclusions"]] == ["Lobby", "Fax"]
    # Once more, and nothing comes twice.
    again = CURRENT | changed
    assert imported(text, again) == {}
    assert imported(text.replace("OU=A,DC=x", "ou=A, dc = X"), again) == {}


def test_a_line_is_counted_as_an_editor_counts_it() -> None:
    text = f'{HEAD}\nActive Directory,Colour,"red\nor blue"\nActive Directory,Shape,round\n'
    with pytest.raises(SettingsInvalid, match=r"Line 3: .*Colour.*Line 5: .*Shape"):
        imported(text, CURRENT)


def test_everything_that_is_wrong_is_named_with_its_line() -> None:
    text = (
        f"{HEAD}Active Directory,Template Extension,900\nActive Directory,Colour,red\nActive Directory,Voicemails,maybe\n"
        "Active Directory,Domain,a.example\nActive Directory,Domain,b.example\nExtension Update Schedule,Minutes,often\n"
        "Settings,Disable/Delete Extension,keep\n"
    )
    with pytest.raises(SettingsInvalid) as refused:
        imported(text, CURRENT)
    for line in (2, 3, 4, 6, 7, 8):
        assert f"Line {line}" in refused.value.message
    assert "Line 5" not in refused.value.message


@pytest.mark.parametrize(
    "text", ["", "a,b,c\n1,2,3\n", 'screen,field,value\n"open', "directory:\n  user: x\n"]
)
def test_what_is_no_such_form_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="Nothing was saved"):
        imported(text, CURRENT)
