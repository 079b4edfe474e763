"""What a phone system describes of itself, and what is asked for because of it."""

import pytest

from services.relay_client.xapi.capabilities import NEEDED, Capabilities, described
from services.relay_client.xapi.template import COPIED_FIELDS, EXPANDED
from services.sandbox.phone_system import PhoneSystemOptions
from services.sandbox.phone_system.metadata import metadata
from services.sandbox.phone_system.releases import VERSIONS, entities
from services.sandbox.phone_system.routing import Request
from services.sandbox.phone_system.store import PhoneSystem

_FRAME = (
    '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    '<Schema Namespace="Pbx" xmlns="http://docs.oasis-open.org/odata/ns/edm">{}</Schema>'
    "</edmx:DataServices></edmx:Edmx>"
)


@pytest.mark.parametrize("release", VERSIONS)
def test_everything_a_phone_system_has_is_read_from_its_description(release: str) -> None:
    system = PhoneSystem(PhoneSystemOptions(release=release))
    found = described(metadata(Request(system, {}, None)).body)
    assert {name: set(properties) for name, properties in found.items()} == {
        name: set(properties) for name, properties in entities(release).items()
    }


def test_inherited_properties_count_whatever_the_order_of_types_and_even_in_a_circle() -> None:
    types = (
        '<EntityType Name="User" BaseType="Pbx.Dn"><NavigationProperty Name="Groups" /></EntityType>'
        '<EntityType Name="Dn" BaseType="Pbx.Base"><Property Name="Number" /></EntityType>'
        '<EntityType Name="Base" BaseType="Pbx.User"><Property Name="Id" /></EntityType>'
    )
    assert described(_FRAME.format(types).encode())["User"] == {"Id", "Number", "Groups"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><body>Welcome</body>",
        b'{"$Version": "4.01"}',
        _FRAME.format('<EntityType Name="Other"><Property Name="Id" /></EntityType>').encode(),
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    ],
    ids=["nothing", "a page", "JSON", "another API", "an entity that grows", "a file of ours"],
)
def test_what_is_no_description_of_a_phone_system_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="no description"):
        described(document)


def test_what_is_not_described_counts_as_there_and_what_was_refused_does_not() -> None:
    known = Capabilities()
    assert known.query("User", ["Id", "SRTPMode"], ["Groups($expand=Rights)", "Greetings"]) == {
        "$select": "Id,SRTPMode",
        "$expand": "Groups($expand=Rights),Greetings",
    }
    learnt = known.without("User", "SRTPMode").without("User", "Greetings")
    assert learnt.query("User", ["Id", "SRTPMode"], ["Groups($expand=Rights)", "Greetings"]) == {
        "$select": "Id",
        "$expand": "Groups($expand=Rights)",
    }
    assert learnt.body("User", {"SRTPMode": "SRTPEnabled", "Enabled": True}) == {"Enabled": True}
    assert learnt.missing("User", COPIED_FIELDS) == ("SRTPMode",)
    assert learnt.missing("Group", COPIED_FIELDS) == ()


def test_what_decisions_rest_on_is_asked_for_even_where_it_is_said_not_to_be_there() -> None:
    known = Capabilities({"User": frozenset(["Id"])}, frozenset([("User", "Enabled")]))
    for name in NEEDED["User"]:
        assert known.has("User", name)
        assert not known.can_lack("User", name)
    assert known.missing("User", ["Enabled", *COPIED_FIELDS]) == tuple(sorted(COPIED_FIELDS))
    assert known.query("User", ["Enabled", "Blfs"], EXPANDED)["$expand"] == "Groups($expand=Rights)"
