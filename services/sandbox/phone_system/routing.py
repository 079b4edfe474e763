"""Which function answers which request. The modules of the resources register theirs here; keeps no state."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.sandbox.phone_system.answers import Refusal, invalid_body
from services.sandbox.phone_system.filters import Row
from services.sandbox.phone_system.odata import page_of, parse_query, rendered
from services.sandbox.phone_system.store import Json, PhoneSystem


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. ``body`` is JSON (or bytes), ``None`` for an empty one."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as resources care."""

    system: PhoneSystem
    options: Mapping[str, str]
    body: Any

    def fields(self) -> Json:
        """The body as an object.

        :raises Refusal: 400, it is none.
        """
        if not isinstance(self.body, dict):
            raise invalid_body()
        return self.body

    def ids(self, *names: str) -> list[int]:
        """The list of ids in the body, under the first of these names that is there.

        :raises Refusal: 400, there is none, or something else than ids is in it.
        """
        body = self.fields()
        given = next((body[name] for name in names if name in body), None)
        if not isinstance(given, list) or not all(type(item) is int for item in given):
            raise invalid_body()
        return given

    def collection(
        self,
        name: str,
        rows: Sequence[Row],
        entity: str,
        complete: Callable[[Row], Row] = lambda row: row,
    ) -> Answer:
        """One page of rows. ``complete`` adds to a row of the page what filters do not ask for."""
        known = self.system.entities[entity]
        query = parse_query(self.options, known)
        page, total = page_of(rows, query, known)
        body: Json = {"@odata.context": self._context(name)}
        if query.wants_count:
            body["@odata.count"] = total
        return Answer(body=body | {"value": [rendered(complete(row), query, known) for row in page]})

    def single(self, name: str, row: Row, entity: str) -> Answer:
        """One entity."""
        known = self.system.entities[entity]
        query = parse_query(self.options, known)
        return Answer(body={"@odata.context": self._context(f"{name}/$entity")} | rendered(row, query, known))

    def created(self, name: str, row: Row, entity: str) -> Answer:
        """201 with the entity; 3CX names its own port in the address whatever port was asked."""
        location = f"https://{self.system.options.fqdn}:5001/xapi/v1/{name}({row['Id']})"
        known = self.system.entities[entity]
        shown = rendered(row, parse_query({}, known), known)
        return Answer(
            201, {"@odata.context": self._context(f"{name}/$entity")} | shown, {"Location": location}
        )

    def _context(self, name: str) -> str:
        return f"https://{self.system.options.fqdn}/xapi/v1/$metadata#{name}"


Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler


_ROUTES: list[_Route] = []


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler; ``{id}`` and ``{number}`` in the template become its arguments."""
    pattern = (
        re.escape(template)
        .replace(r"\{id\}", r"(?P<id>\d{1,9})")
        .replace(r"\{number\}", "(?P<number>(?:[^']|'')*)")
    )

    def _register(handler: Handler) -> Handler:
        _ROUTES.append(_Route(method, template, re.compile(pattern), handler))
        return handler

    return _register


def find(method: str, path: str) -> tuple[Handler, dict[str, Any], str]:
    """The handler of a request, its arguments and the path's template.

    :raises Refusal: 404 for an unknown path, 405 for a method it does not have (``PUT`` above all).
    """
    is_known = False
    for known in _ROUTES:
        match = known.pattern.fullmatch(path)
        if match is None:
            continue
        is_known = True
        if known.method == method:
            arguments: dict[str, Any] = match.groupdict()
            if "id" in arguments:
                arguments["id"] = int(arguments["id"])
            if "number" in arguments:
                arguments["number"] = arguments["number"].replace("''", "'")
            return known.handler, arguments, known.template
    raise Refusal(405 if is_known else 404)


def templates() -> list[tuple[str, str]]:
    """Every (method, path template) there is."""
    return [(known.method, known.template) for known in _ROUTES]
