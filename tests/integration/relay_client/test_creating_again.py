"""An undone deletion: the extension is created again with its settings, whoever dies meanwhile."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import update

from shared.database.tables import Lease
from shared.domain.command import Command, CommandKind
from shared.domain.owed import RESTORES
from tests.integration.relay_client.conftest import Bench, change
from tests.support.waiting import wait_until

OFF = {"number": "103", "enabled": False}

_WORKER = """
import sys
from pathlib import Path
from services.relay_client.execution.execute import execute_stage
from shared import encryption
from shared.database.engine import Database
from shared.worker.app import create_app
from shared.worker.context import Context
from shared.process_settings import load

process = load({}, data=Path(sys.argv[1]), database_url=sys.argv[2], lease_seconds=5)
database, secrets = Database(process.effective_database_url), encryption.load(process)
execute_stage(Context(create_app(process), process, database, secrets), int(sys.argv[3]))
"""


def test_a_worker_killed_between_the_creation_and_its_answer_does_not_make_the_extension_twice(
    bench: Bench,
) -> None:
    bench.configure(timeout_seconds=60)
    bench.phone_system.state.change_user(
        bench.id_of("103"), {"Enabled": False, "VMPIN": "471147", "OutboundCallerID": "+4930555"}
    )
    was = bench.user("103")
    (deleted,) = bench.execute(change(bench, CommandKind.DELETE_EXTENSION, "103", OFF, {}))
    assert deleted.state == "done", deleted.error_message
    again = {name: was[field] for name, field in (("first_name", "FirstName"), ("last_name", "LastName"))}
    after = {"number": "103", "email": was["EmailAddress"], "enabled": True, RESTORES: deleted.id, **again}
    run_id = bench.start(
        [Command(0, CommandKind.CREATE_EXTENSION, "It is created again.", "103", "guid-103", after=after)]
    )
    bench.phone_system.faults.add({"kind": "hold_after", "method": "POST", "path": "^/Users"})
    process = bench.context.settings
    arguments = str(process.data), process.effective_database_url, str(run_id)
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, *arguments])
    try:
        wait_until("the extension is created", lambda: bench.phone_system.faults.held, 60)
    finally:
        worker.kill()
        worker.wait()
    httpx.post(f"{bench.base_url}/sandbox/release").raise_for_status()
    assert [row.state for row in bench.rows(run_id)] == ["running"]
    with bench.context.database.begin() as session:
        session.execute(update(Lease).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    bench.drain(run_id)
    (row,) = bench.rows(run_id)
    assert row.state == "done", row.error_message
    assert len(bench.calls("create_user")["103"]) == 1
    now = bench.user("103")
    assert (now["VMPIN"], now["OutboundCallerID"], now["Enabled"]) == ("471147", "+4930555", True)
    assert now["EmailAddress"] == was["EmailAddress"]
    assert bench.bindings()["guid-103"][:2] == (now["Id"], "103")
