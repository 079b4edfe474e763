"""The forms of settings without a browser: reading what was sent, the way up the tree, and the steps of the set-up."""

import re
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from services.api.settings.forms.field_errors import with_form_names
from services.api.settings.forms.fields import read_form, without_empty_rows
from services.api.settings.forms.form import above
from services.api.settings.forms.steps import STEPS, next_step, steps_done
from services.api.settings.forms.tabs import TABS
from shared.settings.documents import SECTION_MODELS, Section, SiteSettings
from shared.settings.fields import fields_of
from shared.settings.store import StoredSettings, public

# The characters that RFC 4514 writes with a backslash, and some that it does not.
NAMES = st.text(st.sampled_from('aé ,\\+"<>;=1'), min_size=1, max_size=12)
FIELDS = {section: fields_of(section) for section in Section}


def _escaped(name: str) -> str:
    return re.sub(r'([,\\+"<>;=])', r"\\\1", name)


@given(NAMES, NAMES)
def test_one_level_up_is_the_name_without_its_first_part(child: str, parent: str) -> None:
    unit = f"OU={_escaped(parent)},DC=corp,DC=example"
    assert above(f"OU={_escaped(child)},{unit}") == unit
    # Above a unit of the domain is the domain, which needs no name.
    assert above(unit) == ""


@given(
    st.sampled_from(Section), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6), st.data()
)
def test_whatever_is_sent_is_read_without_failing_and_only_into_the_fields_of_the_form(
    section: Section, junk: Mapping[str, str], data: st.DataObject
) -> None:
    fields = FIELDS[section]
    names = [*fields, *(f"{name}.rows" for name in fields), *(f"{name}.0.dn" for name in fields)]
    sent = data.draw(st.dictionaries(st.sampled_from(names), st.text(max_size=20), max_size=8))
    before = public(SECTION_MODELS[section]())
    values = read_form(FormData({**junk, **sent}), fields, before)
    assert set(without_empty_rows(values, fields)) == set(before)
    assert before == public(SECTION_MODELS[section]())


def test_every_field_has_a_name_and_says_what_it_is_for() -> None:
    for tab in TABS:
        labels = [field.label for field in tab.fields.values()]
        assert len(set(labels)) == len(labels), tab.slug
        assert not any("_" in text for text in [*labels, *(group.heading for group in tab.groups)])
        assert [field.name for field in tab.fields.values() if not field.help.endswith((".", "5001"))] == []


def test_a_setting_in_a_message_is_called_as_the_form_calls_it() -> None:
    said = with_form_names(
        "Set relay.host and directory.attributes.number; www.directory.example.", Section.RELAY
    )
    assert said == "Set “Host” and “Extension number” (Active Directory); www.directory.example."


@given(st.frozensets(st.sampled_from([step.slug for step in STEPS])))
def test_the_set_up_never_leads_past_what_is_missing_nor_back_before_what_is_done(
    done: frozenset[str],
) -> None:
    slugs = [step.slug for step in STEPS]
    step = next_step(done)
    place = slugs.index(step.slug) if step is not None else len(slugs)
    assert {"directory", "units", "phone-system", "preview"} & set(slugs[:place]) <= done
    if step is not None and step.slug in done:
        raise AssertionError(f"{step.slug} is done already")
    if step is None:
        assert slugs[-1] in done


def test_a_step_that_may_be_left_as_it_is_counts_as_done_when_a_later_one_is() -> None:
    settings = SiteSettings.model_validate(
        {
            "directory": {
                "servers": ["dc1"],
                "user": "u@corp.example",
                "units": [{"dn": "OU=Sales,DC=corp,DC=example"}],
            },
            "phone_system": {"base_url": "https://pbx.example.com", "client_id": "rollcall"},
        }
    )
    done = steps_done(StoredSettings(settings, dict.fromkeys(Section, 0)), has_ended_well=False)
    assert done == {"directory", "units", "number", "phone-system"}
