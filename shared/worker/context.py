"""What a task needs besides its message: settings, database, encryption, and a way to publish.

Made lazily and once per process, so that a forked worker never shares its parent's connections.
"""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared import encryption
from shared.database import audit_chain
from shared.database.engine import Database
from shared.encryption import Encryption
from shared.errors import RollcallError
from shared.messages import Message
from shared.process_settings import ProcessSettings
from shared.worker.queues import queue_of

if TYPE_CHECKING:
    # Slow to import, and not needed by a command that only reads the database.
    from celery import Celery

    from shared.settings.store import StoredSettings


@dataclass(frozen=True, slots=True)
class Context:
    """The wiring of one process."""

    app: "Celery"
    settings: ProcessSettings
    database: Database
    encryption: Encryption

    def __post_init__(self) -> None:
        """The audit is sealed with a key that is not in the database."""
        self.database.seal_audit_with(partial(self.encryption.derived, audit_chain.PURPOSE))

    @property
    def is_stopping(self) -> bool:
        """Whether this worker was asked to end: begin nothing that can wait for the next one."""
        from shared.worker.stopping import is_stopping

        return is_stopping(self.app)

    def site_settings(self, site_id: str) -> "StoredSettings":
        """All sections of a site with their versions.

        :raises NotFound: there is no such site.
        """
        from shared.settings import store

        with self.database.read() as session:
            return store.read(session, site_id, self.encryption)

    def directory_titles(self, site_id: str) -> dict[str, str]:
        """What to call the directories of a site, by key: nothing where there is one, or where the settings cannot be read."""
        with suppress(RollcallError):
            return self.site_settings(site_id).settings.directory_titles
        return {}

    def publish(self, messages: Iterable[Message], countdown: float = 0) -> None:
        """Send messages after the commit that made them due. A broker that is down costs time only: ``sweep``
        publishes again.
        """
        from shared.worker.brokers import publish_options

        for message in messages:
            self.app.send_task(
                message.task,
                args=[message.model_dump(mode="json")],
                queue=queue_of(message.task).value,
                # Else the sender would subscribe to a result that nobody waits for, and fail with the backend.
                ignore_result=True,
                **publish_options(self.settings, countdown),
            )


_lock = threading.Lock()


def share(context: Context) -> None:
    """Let the tasks that run in this process work with this context, and so with the pool of whoever made it."""
    context.app.rollcall_context = (os.getpid(), context)


def context_of(app: "Celery") -> Context:
    """The context of this process for an app made by ``shared.worker.app.create_app``."""
    with _lock:
        pid, context = getattr(app, "rollcall_context", (0, None))
        if pid != os.getpid() or context is None:
            settings: ProcessSettings = app.rollcall_settings
            context = Context(
                app,
                settings,
                Database(settings.effective_database_url, settings.database_connections),
                encryption.load(settings),
            )
            share(context)
        made: Context = context
        return made
