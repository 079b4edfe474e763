"""Two sites that manage one phone system are found, however its address is written."""

import pytest

from shared.settings.neighbours import phone_system_of, sharing


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://pbx.corp.example", "https://PBX.corp.example:443/", True),
        ("https://pbx.corp.example:5001", "pbx.corp.example:5001", True),
        ("https://pbx.corp.example.", "https://pbx.corp.example", True),
        ("https://pbx.corp.example:5001", "https://pbx.corp.example", False),
        ("https://pbx1.corp.example", "https://pbx2.corp.example", False),
        ("https://[::1", "https://[::1", False),
        ("", "", False),
    ],
)
def test_the_host_and_port_tell_phone_systems_apart(one: str, other: str, is_same: bool) -> None:
    assert (sharing({"a": one, "b": other}) == {"a": ["b"], "b": ["a"]}) is is_same


def test_each_site_is_told_all_the_others() -> None:
    assert sharing({"a": "pbx", "b": "https://pbx", "c": "pbx/", "d": "other"}) == {
        "a": ["b", "c"],
        "b": ["a", "c"],
        "c": ["a", "b"],
    }
    assert phone_system_of("  https://Pbx:5001/xapi ") == "pbx:5001"
