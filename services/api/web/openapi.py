"""Completes the OpenAPI document: problem documents, the shape of each settings section, how one signs in."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.api.web.documented import documented
from services.api.web.problems import Problem
from services.api.web.schemas import Answer, Request
from shared.settings.documents import SECTION_MODELS, Section

TAGS = [
    {"name": "sites", "description": "One deployment serves many sites; the first is `default`."},
    {"name": "settings", "description": "Versioned documents. Secrets can be written and never read."},
    {"name": "directory", "description": "Questions to Active Directory, before or after saving."},
    {"name": "phone system", "description": "Questions to 3CX, before or after saving."},
    {
        "name": "relay",
        "description": "Pairing with the relay on the phone system's host, and questions to it.",
    },
    {"name": "runs", "description": "Start, review, approve and follow runs."},
    {"name": "notifications", "description": "What was sent, waits or could not be sent."},
    {"name": "log", "description": "What happened, for people."},
    {"name": "people", "description": "What is known of one person."},
    {"name": "access", "description": "Tokens and the audit."},
    {"name": "health", "description": "For load balancers, monitoring and troubleshooting."},
]
_REF = "#/components/schemas/{model}"

SECTION_EXAMPLES: dict[Section, dict[str, Any]] = {
    Section.DIRECTORY: {
        "servers": ["dc1.corp.example", "dc2.corp.example"],
        "security": "ldaps",
        "user": "rollcall@corp.example",
        "password": "(written, never read)",
        "units": [{"dn": "OU=Sales,DC=corp,DC=example", "template_extension": "100"}],
    },
    Section.DIRECTORIES: {
        "others": [
            {
                "name": "emea.example",
                "servers": ["dc1.emea.example"],
                "user": "rollcall@emea.example",
                "password": "(written, never read)",
                "units": [{"dn": "OU=Sales,DC=emea,DC=example"}],
            }
        ]
    },
    Section.PHONE_SYSTEM: {
        "base_url": "https://pbx.example.com:5001",
        "client_id": "rollcall",
        "client_secret": "(written, never read)",
    },
    Section.RULES: {
        "when_deleted": "delete",
        "when_disabled": "disable",
        "exclusions": [{"kind": "numbers", "value": "900-999"}],
    },
    Section.LIMITS: {"removals": 8, "removals_percent": 4},
    Section.SCHEDULE: {"is_enabled": True, "mode": "every", "every_minutes": 15},
    Section.ARCHIVE: {"is_enabled": True, "extension": "999"},
    Section.RELAY: {"host": "pbx.example.com", "port": 8801},
    Section.NOTIFICATIONS: {
        "smtp_host": "mail.example.com",
        "sender": "rollcall@example.com",
        "recipients": ["phones@example.com"],
    },
    Section.SIGN_IN: {
        "password_type": "voicemail_pin",
        "managers": ["100"],
        "manager_roles": ["system_owners"],
    },
    Section.DIRECTORY_GROUPS: {
        "is_enabled": True,
        "groups": [{"group": "CN=Phone admins,OU=Groups,DC=corp,DC=example", "role": "manager"}],
    },
    Section.SINGLE_SIGN_ON: {
        "is_enabled": True,
        "issuer": "https://idp.example/realms/corp",
        "client_id": "rollcall",
        "client_secret": "(written, never read)",
        "roles": [{"value": "Rollcall.Manager", "role": "manager"}],
    },
    Section.SECOND_FACTOR: {"required_for": "managers"},
    Section.BRANDING: {"title_prefix": "Example Corp", "header_top": "#0b3d2e", "header_bottom": "#072a20"},
}

# The request body of a section: which of these shapes depends on the section in the path.
SECTION_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [{"$ref": _REF.format(model=SECTION_MODELS[name].__name__)} for name in Section]
                },
                "examples": {section: {"value": value} for section, value in SECTION_EXAMPLES.items()},
            }
        },
    }
}

# Of all sections: each one named as it is.
SECTIONS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        name.value: {"$ref": _REF.format(model=SECTION_MODELS[name].__name__)}
                        for name in Section
                    },
                    "additionalProperties": False,
                },
                "examples": {"limits": {"value": {"limits": {"removals": 8}, "archive": {}}}},
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
            schemas = document["components"]["schemas"]
            schemas |= extra["$defs"]
            for section in SECTION_MODELS.values():
                for field in schemas[section.__name__].get("properties", {}).values():
                    if field.get("format") == "password":
                        # As it is read: null, like a secret that is absent, keeps the one that is stored.
                        field["type"] = ["string", "null"]
            for model in (*_family(Answer), *_family(Request)):
                extra_of_model = model.model_config.get("json_schema_extra")
                if model.__name__ in schemas and isinstance(extra_of_model, dict):
                    # FastAPI leaves null out of examples, but the answers have it.
                    schemas[model.__name__] |= extra_of_model
            for operation in _operations(document):
                if "requestBody" in operation:
                    # What becomes of a body before any route sees it.
                    operation["responses"] |= {
                        str(key): value for key, value in documented(400, 408, 413, 415).items()
                    }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = _openapi  # type: ignore[method-assign]


def _family(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in model.__subclasses__():
        yield child
        yield from _family(child)


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()
