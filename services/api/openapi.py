"""Completes the OpenAPI document: problem documents, the shape of each settings section, how one signs in."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.api.problems import Problem
from shared.settings.documents import SECTION_MODELS, Section

TAGS = [
    {"name": "sites", "description": "One deployment serves many sites; the first is `default`."},
    {"name": "settings", "description": "Versioned documents. Secrets can be written and never read."},
    {"name": "directory", "description": "Questions to Active Directory, before or after saving."},
    {"name": "phone system", "description": "Questions to 3CX, before or after saving."},
    {"name": "runs", "description": "Start, look at the plan, approve, follow."},
    {"name": "log", "description": "What happened, for people."},
    {"name": "people", "description": "What is known of one person."},
    {"name": "access", "description": "Tokens and the audit."},
    {"name": "health", "description": "For load balancers, monitoring and troubleshooting."},
]
_REF = "#/components/schemas/{model}"

# The request body of a section: which of these shapes depends on the section in the path.
SECTION_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [{"$ref": _REF.format(model=SECTION_MODELS[name].__name__)} for name in Section]
                },
                "examples": {
                    "limits": {"value": {"removals": 8, "removals_percent": 4}},
                    "schedule": {"value": {"is_enabled": True, "mode": "every", "every_minutes": 15}},
                    "archive": {"value": {"is_enabled": True, "extension": "999"}},
                },
            }
        },
    }
}


def complete(app: FastAPI) -> None:
    """Let the app describe itself completely."""

    def _openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=TAGS,
            )
            models: list[type[BaseModel]] = [Problem, *SECTION_MODELS.values()]
            _, extra = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
            document["components"]["schemas"] |= extra["$defs"]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = _openapi  # type: ignore[method-assign]
