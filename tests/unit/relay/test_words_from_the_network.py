"""What comes from the network becomes part of a path only as digits, or as letters, digits and inner hyphens."""

from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall_relay.errors import RelayError
from rollcall_relay.names import checked_identifier, checked_number, checked_relative, numbered
from rollcall_relay.requests import Request, Work, parse

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.text() | st.from_regex(r"[0-9]+\s?", fullmatch=True) | _JSON)
def test_a_number_is_ascii_digits_or_refused(value: object) -> None:
    try:
        number = checked_number(value)
    except RelayError:
        return
    assert set(number) <= set("0123456789")
    assert 1 <= len(number) <= 15


@pytest.mark.parametrize(
    "value", ["../104", "104/", "10 4", "", "１０４", "104\n", "-1", "0" * 16, 104, None, ["104"]]
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(RelayError):
        checked_number(value)


@pytest.mark.parametrize(
    "value",
    [
        "../../etc",
        "a" * 65,
        "short",
        "-leading1",
        "trailing-",
        "UPPER-0001",
        "a.b.c.d.e",
        "x" * 7 + "\n",
        None,
    ],
)
def test_what_is_no_id_is_refused(value: object) -> None:
    with pytest.raises(RelayError):
        checked_identifier(value)


@given(st.text())
def test_a_name_in_a_manifest_stays_below_its_folder(name: str) -> None:
    try:
        checked = checked_relative(name)
    except RelayError:
        return
    joined = PurePosixPath("/store/backup") / checked
    assert joined.parts[:3] == ("/", "store", "backup")
    assert len(joined.parts) > 3
    assert ".." not in joined.parts


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", ".", "a//b", "a\0b", "..", "./a"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(RelayError):
        checked_relative(name)


@given(_NAMES.filter(lambda name: name not in {".", ".."}), st.integers(2, 99))
def test_a_numbered_name_is_another_one_in_the_same_folder(name: str, count: int) -> None:
    other = numbered(f"folder/{name}", count)
    assert other != f"folder/{name}"
    assert PurePosixPath(other).parent == PurePosixPath("folder")
    assert other.endswith(PurePosixPath(name).suffix)


@given(
    _JSON
    | st.fixed_dictionaries(
        {"kind": st.sampled_from([*Work, "x"])},
        optional={
            "number": st.text("0123456789/.", max_size=5),
            "to": st.text("0123456789/.", max_size=5),
            "operation": st.text(max_size=10),
            "person": st.text(),
            "voicemails": st.booleans() | st.integers(),
            "other": _JSON,
        },
    )
)
def test_a_request_is_wholly_understood_or_refused(document: Any) -> None:
    try:
        request = parse(document)
    except RelayError:
        return
    assert {name: value for name, value in request.as_json().items() if name in document} == document
    assert Request(**(request.as_json() | {"kind": Work(request.kind)})) == request


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"to": "104"}, "its own archive"), ({"voicemails": 1}, "'voicemails'"), ({"path": "/etc"}, "'path'"),
        ({"voicemails": False, "recordings": False}, "Choose"), ({"kind": ["archive"]}, "'kind'"),
    ],
)  # fmt: skip
def test_the_refusal_names_what_is_wrong(changes: dict[str, object], word: str) -> None:
    with pytest.raises(RelayError, match=word):
        parse({"kind": "archive", "number": "104", "to": "900"} | changes)
