"""Whatever else holds a number, and what points at one: peers, queues, ring groups, IVRs, inbound rules."""

from services.sandbox.phone_system.answers import Refusal, invalid_body, warning
from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.schema import accepts
from services.sandbox.phone_system.store import PEOPLE, Json


@route("GET", "/Peers")
def list_peers(request: Request) -> Answer:
    return request.collection("Peers", request.system.all_peers(), "Peer")


@route("GET", "/Peers(Number='{number}')")
def get_peer(request: Request, number: str) -> Answer:
    for peer in request.system.all_peers():
        if peer["Number"] == number:
            return request.single("Peers", peer, "Peer")
    raise Refusal(404)


@route("POST", "/Peers/Pbx.RetreivePeersByNumbers")
def peers_by_numbers(request: Request) -> Answer:
    asked = request.fields().get("peersRequest")
    wanted = asked.get("DnNumbers") if isinstance(asked, dict) else None
    if not isinstance(wanted, list):
        raise invalid_body()
    return request.collection(
        "Peers", [peer for peer in request.system.all_peers() if peer["Number"] in wanted], "Peer"
    )


def _kept(request: Request, collection: str) -> dict[int, Json]:
    system = request.system
    return {
        "Queues": system.queues,
        "RingGroups": system.ring_groups,
        "Receptionists": system.receptionists,
        "InboundRules": system.inbound_rules,
    }[collection]


def _read_routes(collection: str, entity: str) -> None:
    @route("GET", f"/{collection}")
    def _list(request: Request) -> Answer:
        return request.collection(collection, list(_kept(request, collection).values()), entity)

    @route("GET", f"/{collection}({{id}})")
    def _get(request: Request, id: int) -> Answer:
        return request.single(collection, _of(_kept(request, collection), id), entity)

    @route("PATCH", f"/{collection}({{id}})")
    def _change(request: Request, id: int) -> Answer:
        return _patch(request, _of(_kept(request, collection), id), entity)


def _made_routes(collection: str, entity: str) -> None:
    @route("POST", f"/{collection}")
    def _make(request: Request) -> Answer:
        return _create(request, _kept(request, collection), collection, entity)

    @route("DELETE", f"/{collection}({{id}})")
    def _remove(request: Request, id: int) -> Answer:
        return _delete(request, _kept(request, collection), id)


for _collection, _entity in (("Queues", "Queue"), ("RingGroups", "RingGroup")):
    _read_routes(_collection, _entity)
    _made_routes(_collection, _entity)
_read_routes("Receptionists", "Receptionist")
_read_routes("InboundRules", "InboundRule")


def _of(rows: dict[int, Json], id: int) -> Json:
    if id not in rows:
        raise Refusal(404)
    return rows[id]


def _create(request: Request, rows: dict[int, Json], name: str, kind: str) -> Answer:
    """A new queue or ring group, which holds a number from then on."""
    body = request.fields()
    if not accepts(request.system.entities[kind], body):
        raise invalid_body()
    if not body.get("Number"):
        raise warning("Number", "XAPI.REQUIRED")
    lists = _lists_of_people(request, body)
    row = request.system.add_peer(body["Number"], body.get("Name") or "", kind)
    none: Json = {people: [] for people in PEOPLE if people in request.system.entities[kind]}
    rows[row["Id"]] = {**none, **body, **row, **lists}
    request.system.count(f"create_{kind}", body["Number"], sorted(body))
    return request.created(name, rows[row["Id"]], kind)


def _delete(request: Request, rows: dict[int, Json], id: int) -> Answer:
    number = _of(rows, id)["Number"]
    del rows[id]
    del request.system.peers[number]
    request.system.count("delete_peer", number, [])
    return Answer(204)


def _lists_of_people(request: Request, body: Json) -> Json:
    """The lists of people in a body as they are kept.

    :raises Refusal: 400, somebody is nobody.
    """
    lists = {name: body[name] or [] for name in PEOPLE if name in body}
    for name, rows in lists.items():
        if any(row.get("Number") not in request.system.user_by_number for row in rows):
            raise warning(name, "XAPI.NON_EXISTENT_EXT_NUMBER")
    return {name: request.system.people(rows) for name, rows in lists.items()}


def _patch(request: Request, row: Json, entity: str) -> Answer:
    """Write fields; a list takes the place of the one that is there."""
    body = request.fields()
    if not accepts(request.system.entities[entity], body):
        raise invalid_body()
    for name in ("Id", "Number"):
        if body.get(name, row.get(name)) != row.get(name):
            raise warning(name, "XAPI.FORBIDDEN_CHANGE")
    row.update(body | _lists_of_people(request, body))
    request.system.count(f"update_{row.get('Name') or row.get('RuleName')}", str(row["Id"]), sorted(body))
    return Answer(204)
