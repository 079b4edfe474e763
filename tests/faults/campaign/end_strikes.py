"""What strikes both ends, the relay and whoever is told: a function each, declared in ``strikes``."""

import random
import time

from tests.faults.campaign.directories import StandIn, WindowsDomain
from tests.faults.campaign.shape import LEASE_SECONDS, SWEEP_SECONDS, Shape

# How long a strike waits for the moment it is meant for; then it strikes anyway.
MOMENT_SECONDS = 3.0
# After so many sweeps a run whose phone system does not answer ends (docs/runs.md).
_TRIES_OF_A_STAGE = 20
WRITES = ("POST", "PATCH", "DELETE")
_ANSWERS: list[dict[str, object]] = [
    {"kind": "status", "status": 503, "body": "html"},
    {"kind": "status", "status": 503, "retry_after": 1},
    {"kind": "status", "status": 502, "body": "html"},
    {"kind": "status", "status": 500, "body": "odata"},
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "status", "status": 429, "body": "empty"},
    {"kind": "status", "status": 401, "body": "empty"},
    {"kind": "steal_token"},
    {"kind": "latency", "ms": 3000},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
]
_LIES: list[dict[str, object]] = [
    {"kind": "status", "status": 200, "body": "html"},
    {"kind": "status", "status": 302, "body": "html"},
    {"kind": "lie", "how": "empty_page"},
    {"kind": "lie", "how": "earlier_page"},
    {"kind": "lie", "how": "truncated"},
    {"kind": "lie", "how": "wrong_count"},
]


def disturb_phone_system(shape: Shape, dice: random.Random) -> str:
    """It refuses, is slow, breaks off or has another client signed in, some times."""
    fault = dice.choice(_ANSWERS) | {
        "times": dice.choice([1, 2, 4, 8]),
        "method": dice.choice(["", "GET", *WRITES]),
        "path": dice.choice(["", "", "/Users", "connect/token"]),
    }
    phone_system = dice.choice(shape.ends).phone_system
    assert phone_system.faults.add(fault) is None
    return f"the phone system: {fault}"


def phone_system_lies(shape: Shape, dice: random.Random) -> str:
    """Answers that look like success and are none: a proxy's page, a redirect, pages and counts that are not true."""
    fault = dice.choice(_LIES) | {
        "times": dice.choice([1, 2, 4, 8, 30]),
        "method": dice.choice(["", "GET", *WRITES]),
        "path": dice.choice(["", "/Users", "/Groups"]),
    }
    if fault.get("how") == "wrong_count":
        fault["count"] = dice.choice(
            [0, 1, 100, 200, len(shape.main.phone_system.state.users) + dice.choice([-1, 1])]
        )
    phone_system = dice.choice(shape.ends).phone_system
    assert phone_system.faults.add(fault) is None
    return f"the phone system: {fault}"


def receiver_fails(shape: Shape, dice: random.Random) -> str:
    """Whoever is told of what happens is away, busy, or does not want to hear it; until it is healed or the next one."""
    shape.start_receiver()
    status = dice.choice([0, 500, 503, 429, 404])
    if not status:
        shape.stop_receiver()
        return "the receiver of notices is away"
    shape.receiver.status = status
    return f"the receiver of notices answers {status}"


def lose_answer(shape: Shape, dice: random.Random) -> str:
    """A write takes effect, its answer is lost, and then nothing answers; perhaps until the run has given up, perhaps
    somebody cancels it meanwhile.
    """
    faults, method = dice.choice(shape.ends).phone_system.faults, dice.choice(WRITES)
    seconds = dice.choice([1.0, LEASE_SECONDS + 2, _TRIES_OF_A_STAGE * SWEEP_SECONDS + 5])
    lost = {"kind": "drop_after", "method": method, "path": "/Users", "times": 1}
    assert faults.add(lost) is None
    before, deadline = faults.fired.count("drop_after"), time.monotonic() + MOMENT_SECONDS
    while faults.fired.count("drop_after") == before and time.monotonic() < deadline:
        time.sleep(0.005)
    came = faults.fired.count("drop_after") > before
    away = {"kind": "status", "status": 503, "body": "html", "times": 100_000}
    assert faults.add(away) is None
    said = f"the answer of a {method} is lost{'' if came else ', which did not come'}, then nothing answers for {seconds} s"
    run = shape.newest_run()
    if run is not None and dice.random() < 0.3:
        shape.ask("POST", f"/runs/{run}/cancel")
        said += f", run {run} is cancelled"
    time.sleep(seconds)
    faults.switched_on.clear()
    return said


def disturb_directory(shape: Shape, dice: random.Random) -> str:
    """It dies, falls silent, or says that nobody is there."""
    directory = shape.main.directory
    if isinstance(directory, WindowsDomain):
        if dice.random() < 0.5:
            directory.domain.kill()
            time.sleep(dice.choice([0.0, 2.0]))
            directory.domain.start()
            return "the domain controller is killed and started again"
        directory.domain.freeze()
        time.sleep(LEASE_SECONDS + 2)
        directory.domain.thaw()
        return "the domain controller is frozen"
    faults, times = dice.choice(_stand_ins(shape)).running.faults, dice.choice([1, 2, 5])
    kind = dice.choice(["dies", "falls silent", "says that nobody is there", "refuses a page"])
    if kind == "dies":
        faults.die_after(dice.randint(1, 8), times)
    elif kind == "falls silent":
        faults.freeze_after(dice.randint(1, 8), 1)
    elif kind == "says that nobody is there":
        faults.answer_empty(times)
    else:
        faults.fail_page(1, dice.choice([51, 52, 53]), times)
    return f"the directory {kind}, {times} times"


def _stand_ins(shape: Shape) -> list[StandIn]:
    return [domain for ends in shape.ends for domain in ends.stand_ins]


def restart_directory(shape: Shape, dice: random.Random) -> str:
    """It is away for a moment."""
    running = dice.choice(_stand_ins(shape)).running
    running.stop()
    time.sleep(dice.choice([0.0, 2.0]))
    running.start()
    return "the directory is stopped and started again"


def kill_relay(shape: Shape, dice: random.Random) -> str:
    """Its supervisor starts it again."""
    assert shape.relay is not None
    shape.relay.kill()
    shape.start_relay()
    return "the relay is killed and started again"


def freeze_relay(shape: Shape, dice: random.Random) -> str:
    """For longer than a lease."""
    shape.freeze(shape.pids("relay"), LEASE_SECONDS + 2)
    return "the relay is frozen"


def restart_relay_database(shape: Shape, dice: random.Random) -> str:
    """What the relay reads in is away for a moment."""
    cluster = shape.servers.cluster()
    cluster.stop()
    time.sleep(dice.choice([0.0, 2.0]))
    cluster.start()
    return "the phone system's own database is restarted"
