"""A directory that thinks for longer than a lease lasts is read once, and not begun again for ever."""

import threading
from pathlib import Path

from services.collector.snapshot import snapshot_unit
from services.sandbox.directory.messages import Message, SearchRequest
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import PartKind, PartState
from shared.work.parts import PartWork
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.collector.collecting import Collecting
from tests.integration.collector.scripted import done, entry, scripted
from tests.support.databases import deployment_settings
from tests.support.waiting import wait_until

UNIT = "OU=Sales,DC=x"


def test_a_claim_is_kept_while_the_directory_thinks_about_its_first_answer(tmp_path: Path) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def _answer(message: Message, search: SearchRequest) -> bytes:
        if not search.base:
            names = {
                "defaultNamingContext": "DC=x",
                "schemaNamingContext": "CN=Schema,DC=x",
                "dnsHostName": "dc",
            }
            return entry(message, "", names) + done(message)
        asked.set()
        may_answer.wait()
        return entry(message, UNIT, {"objectGUID": b"1" * 16}) + done(message)

    process = deployment_settings(tmp_path, lease_seconds=0.6)
    database = Database(process.effective_database_url)
    site = Collecting(Context(create_app(process), process, database, encryption.load(process)))
    with scripted(_answer) as controller:
        site.configure(
            {
                "servers": [controller.address],
                "security": "plain",
                "allow_plain": True,
                "user": "u",
                "password": "p",
                "units": [{"dn": UNIT}],
                "receive_timeout_seconds": 30,
            }
        )
        (part,) = site.units(site.start())
        worker = threading.Thread(target=snapshot_unit, args=(site.context, part.id))
        worker.start()
        try:
            assert asked.wait(60)
            first = site.part(part.id).lease_expires_at
            assert first is not None
            wait_until("a renewed claim", lambda: (site.part(part.id).lease_expires_at or first) > first)
            assert not PartWork(site.context, part.id, PartKind.UNIT).take()
            # Nothing was answered yet: it was the heartbeat that renewed it, and no page.
            assert site.part(part.id).state == PartState.PENDING
        finally:
            may_answer.set()
            worker.join(20)
    read = site.part(part.id)
    assert (read.state, read.attempt, read.item_count) == (PartState.COMPLETE, 1, 1)
    database.close()
