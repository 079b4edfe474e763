"""Deployments beside the one of the ``context`` fixture."""

from pathlib import Path

from shared import encryption
from shared.database.engine import Database
from shared.worker.app import create_app
from shared.worker.context import Context, share
from tests.support.databases import deployment_settings


def empty_deployment(folder: Path) -> Context:
    """A migrated deployment without settings; whoever asks for it closes its database."""
    settings = deployment_settings(folder)
    database = Database(settings.effective_database_url)
    context = Context(create_app(settings), settings, database, encryption.load(settings))
    # Else workers of it would open a database of their own, which nobody closes.
    share(context)
    return context
