"""What a release of 3CX does not have is refused by a sandbox of that release, in queries and in bodies."""

import pytest

from services.sandbox.phone_system.releases import VERSIONS
from tests.integration.sandbox.conftest import PhoneSystems, query_refusal

NEWER = {
    "20.0.8": {"ForbidRecording", "BlockTunnel", "AgentSettings"},
    "20.0.9": {"ForbidRecording"},
    "20.0.10": set[str](),
}


@pytest.mark.parametrize("release", VERSIONS)
def test_a_property_of_a_later_release_is_refused_in_a_query_and_in_a_body(
    phone_systems: PhoneSystems, release: str
) -> None:
    client = phone_systems.xapi(phone_systems.start(release=release))
    for name, value in (("ForbidRecording", True), ("BlockTunnel", True), ("AgentSettings", {})):
        asked = client.get(f"Users?$select=Id,{name}")
        written = client.patch("Users(21)", json={name: value})
        if name in NEWER[release]:
            assert query_refusal(asked) == f"Could not find a property named '{name}'."
            assert (written.status_code, "delta" in written.text) == (400, True)
        else:
            assert (asked.status_code, written.status_code) == (200, 204)
        assert (f'Name="{name}"' in client.get("$metadata").text) == (name not in NEWER[release])


@pytest.mark.parametrize("release", VERSIONS)
def test_the_licence_s_figures_are_in_the_status_where_the_release_has_them(
    phone_systems: PhoneSystems, release: str
) -> None:
    client = phone_systems.xapi(phone_systems.start(release=release, max_extensions=7))
    status = client.get("SystemStatus")
    assert status.headers["X-3CX-Version"].startswith(f"{release}.")
    assert status.json()["Version"] == status.headers["X-3CX-Version"]
    assert status.json().get("MaxUserExtensions") == (None if release == "20.0.8" else 7)
    users = client.get("Groups(1)/Pbx.GetRestrictions()").json()["Users"]
    assert (users["Allowed"], users["Used"]) == (7, 5)


def test_exceptions_of_forwarding_have_the_fields_of_their_release(phone_systems: PhoneSystems) -> None:
    for release, known, unknown in (("20.0.8", "CallerId", "Data"), ("20.0.9", "Data", "CallerId")):
        client = phone_systems.xapi(phone_systems.start(release=release))
        for name, status in ((known, 204), (unknown, 400)):
            rule = {"ForwardingExceptions": [{"Id": 1, name: "100"}]}
            assert client.patch("Users(21)", json=rule).status_code == status
