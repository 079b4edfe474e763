"""What the threads of a stage write can be found by the id of their run."""

from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.faults.conftest import World
from tests.support.site import Site


def test_lines_of_the_threads_that_carry_out_commands_carry_the_id_of_the_run(
    world: World, site: Site
) -> None:
    world.staff.hire_many(3)
    world.fault("drop_after", "POST", "/Users$")
    with capture_logs([merge_contextvars]) as lines:
        run = site.complete()
    told = [line["correlation_id"] for line in lines if line["event"] == "outcome_unknown"]
    assert told == [f"run-{run.id}"]
