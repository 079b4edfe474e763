"""What settings are made of stays what earlier releases stored, and what the planner knows of them is the same."""

import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import ValidationError

from shared.domain.choice import Choice
from shared.domain.rules import Limits, NumberRange, Rules
from shared.settings.documents import (
    SECTION_MODELS,
    BrandingSettings,
    DirectorySettings,
    LimitsSettings,
    PhoneSystemSettings,
    RulesSettings,
    Section,
    SiteSettings,
)
from shared.settings.fields import fields_of, label_of

# What the first release made of documents: the defaults, one with everything changed, and some of its own database.
FIRST_RELEASE = json.loads(
    (Path(__file__).parent / "first_release_settings.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("section", [section for section in Section if section in FIRST_RELEASE])
def test_a_document_of_the_first_release_is_read_and_written_as_it_was(section: Section) -> None:
    for case in FIRST_RELEASE[section]:
        document = SECTION_MODELS[section].model_validate(case["given"])
        written = document.model_dump(mode="json")
        # What has come since then has a default.
        assert _as_far_as(case["saved"], written) == case["saved"]
        assert SECTION_MODELS[section].model_validate_json(json.dumps(written)) == document


def _as_far_as(saved: Any, written: Any) -> Any:
    """What was written, less what was not there to be saved."""
    if isinstance(saved, dict):
        return {name: _as_far_as(value, written[name]) for name, value in saved.items()}
    if isinstance(saved, list) and len(saved) == len(written):
        return [_as_far_as(one, other) for one, other in zip(saved, written, strict=True)]
    return written


@pytest.mark.parametrize(("document", "kind"), [(RulesSettings, Rules), (LimitsSettings, Limits)])
def test_the_planner_knows_every_rule_and_limit_by_its_name_type_and_default(
    document: type[Any], kind: type[Any]
) -> None:
    known = {field.name: field for field in fields(kind)}
    types, declared = get_type_hints(kind), get_type_hints(document)
    for name, field in document.model_fields.items():
        assert known[name].default is not MISSING
        # Exclusions and ranges become values of the planner's own.
        if name not in ("exclusions", "number_ranges"):
            assert declared[name] == types[name], name
            assert field.default == known[name].default, name


def test_every_rule_and_limit_that_is_set_reaches_the_planner() -> None:
    wanted = {section: FIRST_RELEASE[section][1]["given"] for section in ("rules", "limits")}
    settings = SiteSettings.model_validate(wanted)
    rules, limits = settings.to_rules(), settings.to_limits()
    for name, value in wanted["rules"].items():
        if name == "exclusions":
            assert [{"kind": item.kind, "value": item.value} for item in rules.exclusions] == value
        else:
            assert getattr(rules, name) == value, name
    assert {name: getattr(limits, name) for name in wanted["limits"]} == wanted["limits"]


def test_a_number_range_reaches_the_planner_with_what_it_skips() -> None:
    given = {
        "unit": "OU=Sales,DC=x",
        "first": "200",
        "last": "299",
        "skip": "205, 210-219;230 240",
        "order": "lowest",
    }
    settings = SiteSettings.model_validate({"rules": {"number_ranges": [given]}})
    skipped = ("205", "210-219", "230", "240")
    assert settings.to_rules().number_ranges == (NumberRange("200", "299", "OU=Sales,DC=x", skipped),)


@pytest.mark.parametrize(
    ("unit", "is_right"), [("ou=sales,dc=x", True), ("", True), ("OU=Sales,DC=y", False)]
)
def test_a_number_range_is_for_a_unit_that_is_read(unit: str, is_right: bool) -> None:
    ranges = [{"unit": unit, "first": "200", "last": "299"}]
    settings = SiteSettings.model_validate(
        {"directory": {"units": [{"dn": "OU=Sales,DC=x"}]}, "rules": {"number_ranges": ranges}}
    )
    said = settings.contradiction()
    assert (said is None) == is_right
    if said is not None:
        assert said[:2] == (Section.RULES, "number_ranges")
        assert "The range 200-299 is for OU=Sales,DC=y, which is not one of the selected OUs" in said[2]


def test_a_choice_needs_its_words() -> None:
    with pytest.raises(TypeError, match="no label"):

        class Silent(Choice):
            NOTHING = "nothing"


def test_a_place_in_a_document_has_a_name_for_people() -> None:
    for place, name in {
        "attributes.number": "Extension number",
        "units.1.template_extension": "row 2, Template extension",
        "units.0": "row 1",
        "servers.2": "Servers, line 3",
        "number_rule": "number_rule",
        "servres": "servres",
    }.items():
        assert label_of(Section.DIRECTORY, place) == name


def test_no_two_settings_of_a_section_have_the_same_label() -> None:
    for section in Section:
        labels = [field.label for field in fields_of(section).values()]
        assert len(set(labels)) == len(labels), section


@pytest.mark.parametrize(
    ("document", "address"),
    [(DirectorySettings, {"servers": ["dc1"]}), (PhoneSystemSettings, {"base_url": "https://pbx"})],
)
def test_a_certificate_as_a_browser_sends_it_back_is_no_other_destination(
    document: type[Any], address: dict[str, Any]
) -> None:
    certificate = "-----BEGIN CERTIFICATE-----\nMIIB\nAgIU\n-----END CERTIFICATE-----\n"
    stored = document(**address, ca_certificate=certificate)
    sent = document(**address, ca_certificate=certificate.strip().replace("\n", "\r\n"))
    other = document(**address, ca_certificate=certificate.replace("MIIB", "MIIC"))
    assert stored.destinations == sent.destinations != other.destinations


@pytest.mark.parametrize("length", [191, 192, 193, 200])
def test_a_website_that_is_completed_can_be_read_back_or_is_refused(length: int) -> None:
    given = {"support_website": "a" * length}
    if length + len("https://") > 200:
        with pytest.raises(ValidationError, match="address of a website"):
            BrandingSettings.model_validate(given)
        return
    kept = BrandingSettings.model_validate(given)
    assert BrandingSettings.model_validate(kept.model_dump()) == kept
