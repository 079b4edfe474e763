"""The API describes itself completely: every reference, name, response, problem and example holds."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.api.app import create_app as create_api
from services.api.web.openapi import SECTION_EXAMPLES, TAGS
from shared import encryption
from shared.database.engine import Database
from shared.process_settings import load
from shared.settings.documents import SECTION_MODELS, Section
from shared.worker.app import create_app
from shared.worker.context import Context

Json = dict[str, Any]
# One process makes the document and imports the validator: both take longer than the tests.
pytestmark = pytest.mark.xdist_group("json schema")
OPEN = {"isLive", "isReady"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Json]:
    """The document as it is served; no table is needed for it."""
    settings = load({}, data=Path(tmp_path_factory.mktemp("data")))
    database = Database(settings.effective_database_url)
    app = create_api(Context(create_app(settings), settings, database, encryption.load(settings)))
    yield app.openapi()
    database.close()


def _operations(document: Json) -> list[tuple[str, str, Json]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def _nodes(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _errors(document: Json, schema: Json, value: Any) -> list[str]:
    # Its import takes seconds.
    from jsonschema import Draft202012Validator, FormatChecker

    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def _examples(media: Json) -> list[Any]:
    given = [media["example"]] if "example" in media else []
    return given + [item["value"] for item in media.get("examples", {}).values()]


def _media(operation: Json) -> Iterator[tuple[str, str, Json]]:
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", kind, media
    for status, response in operation["responses"].items():
        for kind, media in response.get("content", {}).items():
            yield status, kind, media


def test_every_reference_resolves(document: Json) -> None:
    references = [node["$ref"] for node in _nodes(document) if isinstance(node.get("$ref"), str)]
    assert len(references) > 100
    for reference in references:
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]


def test_every_schema_is_a_json_schema(document: Json) -> None:
    from jsonschema import Draft202012Validator

    assert document["openapi"].startswith("3.1")
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description") or schema.get("title"), name


def test_every_operation_is_named_once_and_explained(document: Json) -> None:
    operations = _operations(document)
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(set(names)) == len(names)
    known = {tag["name"] for tag in TAGS}
    for path, method, operation in operations:
        assert re.fullmatch(r"[a-z]+[A-Za-z]*", operation["operationId"]), (path, method)
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= known
        assert len(operation["tags"]) == 1


def test_every_parameter_of_a_path_is_declared(document: Json) -> None:
    for path, _, operation in _operations(document):
        declared = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"}
        assert set(re.findall(r"{(\w+)}", path)) == declared, path


def test_every_failure_is_a_problem_document(document: Json) -> None:
    for path, method, operation in _operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (path, method, status)
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}
                example = response["content"]["application/problem+json"]["example"]
                assert example["status"] == int(status)
                assert example["type"] == f"urn:rollcall:problem:{example['code']}"


def test_every_operation_but_the_health_checks_needs_a_token(document: Json) -> None:
    for path, _, operation in _operations(document):
        is_open = operation["operationId"] in OPEN
        assert ("security" not in operation) == is_open, path
        assert ("401" in operation["responses"]) == (not is_open), path
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_every_operation_says_what_it_gives(document: Json) -> None:
    for path, method, operation in _operations(document):
        good = {status: item for status, item in operation["responses"].items() if int(status) < 300}
        assert good, (path, method)
        for status, response in good.items():
            if status != "204":
                assert response["content"], (path, method)
                assert all(media.get("schema") for media in response["content"].values()), (path, method)


def test_an_operation_that_takes_a_body_says_how_it_may_be_refused(document: Json) -> None:
    with_body = [operation for _, _, operation in _operations(document) if "requestBody" in operation]
    assert len(with_body) > 8
    for operation in with_body:
        assert {"400", "413", "415", "422"} <= set(operation["responses"]), operation["operationId"]


def test_every_request_and_response_has_an_example_that_fits_its_schema(document: Json) -> None:
    for path, method, operation in _operations(document):
        for where, kind, media in _media(operation):
            schema = media["schema"]
            examples = _examples(media) or _examples_of_schema(document, schema)
            assert examples, (path, method, where, kind)
            for example in examples:
                assert _errors(document, schema, example) == [], (path, method, where, kind, example)


def _examples_of_schema(document: Json, schema: Json) -> list[Any]:
    reference = schema.get("$ref", "").removeprefix("#/components/schemas/")
    resolved = document["components"]["schemas"][reference] if reference else schema
    examples: list[Any] = resolved.get("examples", [])
    return examples


def test_every_example_of_a_schema_fits_it_and_names_no_unknown_field(document: Json) -> None:
    seen = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            seen += 1
            assert _errors(document, schema, example) == [], name
            assert set(example) <= set(schema["properties"]), name
    assert seen > 30


@pytest.mark.parametrize("section", Section)
def test_the_example_of_every_section_can_be_saved(section: Section) -> None:
    SECTION_MODELS[section].model_validate(SECTION_EXAMPLES[section])


def test_an_example_that_does_not_fit_is_noticed(document: Json) -> None:
    schema = {"$ref": "#/components/schemas/TokenOut"}
    right = document["components"]["schemas"]["TokenOut"]["examples"][0]
    assert _errors(document, schema, right) == []
    assert _errors(document, schema, right | {"id": "one"}) != []
    assert _errors(document, schema, {}) != []
