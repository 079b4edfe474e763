"""``/$metadata``: the API's description of itself, as OData has it (CSDL XML 4.01), for what the sandbox keeps."""

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.schema import Entity, Property

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    '<Schema Namespace="Pbx" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
)
_TAIL = "</Schema></edmx:DataServices></edmx:Edmx>"


@route("GET", "/$metadata")
def metadata(request: Request) -> Answer:
    entities = request.system.entities
    names = {id(entity): name for name, entity in entities.items()}
    types = "".join(_type(name, entity, names) for name, entity in entities.items())
    return Answer(body=f"{_HEAD}{types}{_TAIL}".encode(), headers={"Content-Type": "application/xml"})


def _type(name: str, entity: Entity, names: dict[int, str]) -> str:
    kind = "EntityType" if "Id" in entity else "ComplexType"
    key = '<Key><PropertyRef Name="Id" /></Key>' if "Id" in entity else ""
    return f"<{kind} Name={quoteattr(name)}>{key}{''.join(_members(entity, names))}</{kind}>"


def _members(entity: Entity, names: dict[int, str]) -> Iterator[str]:
    for name, known in entity.items():
        element = "NavigationProperty" if known.is_navigation else "Property"
        yield f"<{element} Name={quoteattr(name)} Type={quoteattr(_type_of(known, names))} />"


def _type_of(known: Property, names: dict[int, str]) -> str:
    # What the sandbox does not look into is some structure with a name of its own.
    one = f"Pbx.{names[id(known.of)]}" if known.of is not None else known.type or "Edm.Untyped"
    return f"Collection({one})" if known.is_many else one
