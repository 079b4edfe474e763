"""Run in a copy of the code that has one rule more, `when_phone_lost`: tells as JSON where the rule is to be seen."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import shared
from services.api.access.accounts import add
from services.api.access.passwords.own import hash_password
from services.api.app import create_app as create_api
from services.api.settings.use_cases.sections import apply_settings, export_settings
from services.cli.settings_table import describe
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import AccountRole
from shared.errors import SettingsInvalid
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.api.conftest import serving
from tests.integration.console.browser import Browser
from tests.support.databases import deployment_settings

RULE = "when_phone_lost"


def _seen(context: Context) -> dict[str, Any]:
    with serving(context) as client, Browser(str(client.base_url)) as mary:
        mary.sign_in("mary", "quiet river stone")
        form = mary.get("/console/settings/rules")
        saved = mary.send(form, "/rules", {RULE: "delete"})
        history = mary.get("/console/settings/rules/history")
        refused = mary.send(saved, "/rules", {RULE: "burn"})
        wizard = mary.get("/console/wizard/rules")
        api = client.get("/api/v1/sites/default/settings/rules").json()["values"]
    schemas = create_api(context).openapi()["components"]["schemas"]
    with pytest.raises(SettingsInvalid) as error:
        apply_settings(context, "default", {"rules": {RULE: "burn"}}, "test")
    return {
        "code": str(Path(shared.__file__).parents[1]),
        "form": form.text,
        "wizard": wizard.text,
        "history": history.text,
        "refused": refused.text,
        "message": error.value.message,
        "openapi": schemas["RulesSettings"]["properties"][RULE],
        "api": api[RULE],
        "exported": export_settings(context, "default")["rules"][RULE],
        "planner": getattr(context.site_settings("default").settings.to_rules(), RULE),
        "page": describe(),
    }


def main(folder: Path) -> None:
    """Print what is seen."""
    settings = deployment_settings(folder)
    database = Database(settings.effective_database_url)
    context = Context(create_app(settings), settings, database, encryption.load(settings))
    with database.begin() as session:
        password = hash_password("mary", "quiet river stone")
        add(session, "mary", "Mary", AccountRole.MANAGER, password, "test")
    print(json.dumps(_seen(context)))
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
