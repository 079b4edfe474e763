"""Whatever else holds a number, and what points at one: peers, queues, ring groups, inbound rules."""

from services.sandbox.phone_system.answers import Refusal, invalid_body, warning
from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.schema import accepts
from services.sandbox.phone_system.store import Json


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


@route("GET", "/Queues")
def list_queues(request: Request) -> Answer:
    return request.collection("Queues", list(request.system.queues.values()), "Queue")


@route("GET", "/Queues({id})")
def get_queue(request: Request, id: int) -> Answer:
    return request.single("Queues", _of(request.system.queues, id), "Queue")


@route("PATCH", "/Queues({id})")
def patch_queue(request: Request, id: int) -> Answer:
    return _patch(request, _of(request.system.queues, id), "Queue", "Agents")


@route("POST", "/Queues")
def create_queue(request: Request) -> Answer:
    return _create(request, request.system.queues, "Queues", "Queue", "Agents")


@route("DELETE", "/Queues({id})")
def delete_queue(request: Request, id: int) -> Answer:
    return _delete(request, request.system.queues, id)


@route("GET", "/RingGroups")
def list_ring_groups(request: Request) -> Answer:
    return request.collection("RingGroups", list(request.system.ring_groups.values()), "RingGroup")


@route("GET", "/RingGroups({id})")
def get_ring_group(request: Request, id: int) -> Answer:
    return request.single("RingGroups", _of(request.system.ring_groups, id), "RingGroup")


@route("PATCH", "/RingGroups({id})")
def patch_ring_group(request: Request, id: int) -> Answer:
    return _patch(request, _of(request.system.ring_groups, id), "RingGroup", "Members")


@route("POST", "/RingGroups")
def create_ring_group(request: Request) -> Answer:
    return _create(request, request.system.ring_groups, "RingGroups", "RingGroup", "Members")


@route("DELETE", "/RingGroups({id})")
def delete_ring_group(request: Request, id: int) -> Answer:
    return _delete(request, request.system.ring_groups, id)


@route("GET", "/InboundRules")
def list_inbound_rules(request: Request) -> Answer:
    return request.collection("InboundRules", list(request.system.inbound_rules.values()), "InboundRule")


@route("GET", "/InboundRules({id})")
def get_inbound_rule(request: Request, id: int) -> Answer:
    return request.single("InboundRules", _of(request.system.inbound_rules, id), "InboundRule")


@route("PATCH", "/InboundRules({id})")
def patch_inbound_rule(request: Request, id: int) -> Answer:
    return _patch(request, _of(request.system.inbound_rules, id), "InboundRule", None)


def _of(rows: dict[int, Json], id: int) -> Json:
    if id not in rows:
        raise Refusal(404)
    return rows[id]


def _create(request: Request, rows: dict[int, Json], name: str, kind: str, people: str) -> Answer:
    """A new queue or ring group, which holds a number from then on."""
    body = request.fields()
    if not accepts(request.system.entities[kind], body):
        raise invalid_body()
    if not body.get("Number"):
        raise warning("Number", "XAPI.REQUIRED")
    _check_people(request, body, people)
    row = request.system.add_peer(body["Number"], body.get("Name") or "", kind)
    rows[row["Id"]] = {**body, **row, people: request.system.people(body.get(people) or [])}
    request.system.count(f"create_{kind}", body["Number"], sorted(body))
    return request.created(name, rows[row["Id"]], kind)


def _delete(request: Request, rows: dict[int, Json], id: int) -> Answer:
    number = _of(rows, id)["Number"]
    del rows[id]
    del request.system.peers[number]
    request.system.count("delete_peer", number, [])
    return Answer(204)


def _check_people(request: Request, body: Json, people: str) -> None:
    for person in body.get(people) or []:
        if person.get("Number") not in request.system.user_by_number:
            raise warning(people, "XAPI.NON_EXISTENT_EXT_NUMBER")


def _patch(request: Request, row: Json, entity: str, people: str | None) -> Answer:
    """Write fields; a list of people takes the place of the one that is there."""
    body = request.fields()
    if not accepts(request.system.entities[entity], body):
        raise invalid_body()
    for name in ("Id", "Number"):
        if body.get(name, row.get(name)) != row.get(name):
            raise warning(name, "XAPI.FORBIDDEN_CHANGE")
    if people:
        _check_people(request, body, people)
    row.update({name: value for name, value in body.items() if name != people})
    if people in body:
        row[str(people)] = request.system.people(body[people] or [])
    request.system.count(f"update_{row.get('Name') or row.get('RuleName')}", str(row["Id"]), sorted(body))
    return Answer(204)
