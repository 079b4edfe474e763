"""Every kind of fault: one declaration each. A strike is over when it returns, or when the shape is healed."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import amqp  # type: ignore[import-untyped]
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import RollcallError
from shared.messages import ExecuteStage, PlanRun
from shared.worker.queues import Queue
from tests.faults.campaign import end_strikes as ends
from tests.faults.campaign.end_strikes import MOMENT_SECONDS, WRITES
from tests.faults.campaign.plan import Form
from tests.faults.campaign.servers import family, signal_all
from tests.faults.campaign.shape import LEASE_SECONDS, SWEEP_SECONDS, Shape
from tests.faults.campaign.wires import Fault, wait_for_strike
from tests.support.rabbitmq import RabbitServer

Strike = Callable[[Shape, random.Random], str]
Condition = Callable[[Form], bool]


def _always(_form: Form) -> bool:
    return True


# --- processes -----------------------------------------------------------------------------------------------


def _kind(shape: Shape, dice: random.Random) -> str:
    return dice.choice(
        ["worker", "worker", "worker", "beat", "api", *(["watch"] if shape.form.is_live else [])]
    )


def _kill(shape: Shape, dice: random.Random) -> str:
    kind = _kind(shape, dice)
    process = dice.choice(shape.running[kind])
    shape.site.kill(process)
    return f"kill -9 of a {kind}"


def _kill_child(shape: Shape, dice: random.Random) -> str:
    process = dice.choice(shape.running["worker"])
    children = family(process.pid)[1:]
    signal_all(children, signal.SIGKILL)
    return f"kill -9 of {len(children)} children of a worker"


def _terminate(shape: Shape, dice: random.Random) -> str:
    kind = _kind(shape, dice)
    process = dice.choice(shape.running[kind])
    process.send_signal(signal.SIGTERM)
    with suppress(Exception):
        process.wait(20)
    if process.poll() is None:
        shape.site.kill(process)
        return f"SIGTERM of a {kind}, then kill -9"
    return f"SIGTERM of a {kind}"


def _freeze(shape: Shape, dice: random.Random) -> str:
    """Shortly, or until others may take over what it holds; then it goes on."""
    kind = _kind(shape, dice)
    pids, is_short = family(dice.choice(shape.running[kind]).pid), dice.random() < 0.5
    if is_short:
        shape.freeze(pids, 0.5)
        return f"SIGSTOP of a {kind} for a moment"
    signal_all(pids, signal.SIGSTOP)
    try:
        with suppress(RollcallError):
            shape.wait_until_taken_over(pids)
    finally:
        signal_all(pids, signal.SIGCONT)
    return f"SIGSTOP of a {kind} until its leases are over"


def _kill_at_write(shape: Shape, dice: random.Random) -> str:
    """While a write is in hand: before it takes effect, or before its answer."""
    moment, method = dice.choice(["hold_before", "hold_after"]), dice.choice(WRITES)
    came = _held(shape, moment, method)
    pids = [pid for process in shape.running["worker"] for pid in family(process.pid)]
    for process in shape.running["worker"]:
        shape.site.kill(process)
    shape.keep_running()
    if dice.random() < 0.5:
        # The next worker reads back while the request of the dead one has not taken effect yet.
        with suppress(RollcallError):
            shape.wait_until_taken_over(pids)
        time.sleep(SWEEP_SECONDS)
    shape.release()
    return f"kill -9 of all workers at {moment} of a {method}{'' if came else ', which did not come'}"


def _freeze_at_write(shape: Shape, dice: random.Random) -> str:
    moment, method = dice.choice(["hold_before", "hold_after"]), dice.choice(WRITES)
    came = _held(shape, moment, method)
    pids = [pid for process in shape.running["worker"][:1] for pid in family(process.pid)]
    signal_all(pids, signal.SIGSTOP)
    try:
        with suppress(RollcallError):
            shape.wait_until_taken_over(pids)
        time.sleep(SWEEP_SECONDS)
        shape.release()
    finally:
        signal_all(pids, signal.SIGCONT)
    return f"SIGSTOP of a worker at {moment} of a {method}{'' if came else ', which did not come'}"


def _held(shape: Shape, moment: str, method: str) -> bool:
    faults = shape.main.phone_system.faults
    assert faults.add({"kind": moment, "method": method, "path": "/Users"}) is None
    deadline = time.monotonic() + MOMENT_SECONDS
    while not faults.held and time.monotonic() < deadline:
        time.sleep(0.02)
    came = faults.held > 0
    if not came:
        faults.switched_on.clear()
    return came


# --- servers -------------------------------------------------------------------------------------------------


def _restart_broker(shape: Shape, dice: random.Random) -> str:
    shape.broker.stop()
    time.sleep(dice.choice([0.0, 2.0]))
    shape.broker.start()
    return "the broker is killed and started again"


def _freeze_broker(shape: Shape, dice: random.Random) -> str:
    seconds = dice.choice([1.0, LEASE_SECONDS + 2])
    with shape.broker.frozen():
        time.sleep(seconds)
    return f"the broker is frozen for {seconds} s"


def _restart_database(shape: Shape, dice: random.Random) -> str:
    assert shape.postgresql is not None
    shape.postgresql.stop()
    time.sleep(dice.choice([0.0, 2.0]))
    shape.postgresql.start()
    return "the database is restarted"


def _freeze_database(shape: Shape, dice: random.Random) -> str:
    seconds = dice.choice([1.0, LEASE_SECONDS + 2])
    shape.freeze(shape.pids("database"), seconds)
    return f"the database is frozen for {seconds} s"


def _lock_database(shape: Shape, dice: random.Random) -> str:
    seconds = dice.choice([1.0, LEASE_SECONDS + 2])
    with suppress(RollcallError, SQLAlchemyError), shape.site.context.database.begin():
        time.sleep(seconds)
    return f"the database is locked for {seconds} s"


def _fill_disk(shape: Shape, dice: random.Random) -> str:
    assert shape.disk is not None
    seconds = dice.choice([1.0, LEASE_SECONDS + 1])
    shape.disk.fill()
    time.sleep(seconds)
    shape.disk.free()
    if not shape.disk.can_be_full:
        return "the disk could not be filled: no right to mount"
    return f"the disk of the database is full for {seconds} s"


def _jump(shape: Shape, dice: random.Random) -> str:
    seconds = dice.choice([-7200, -60, -5, 5, 60, 7200])
    shape.set_clocks(seconds)
    time.sleep(1.5)
    return f"Rollcall's clock is {seconds:+d} s off"


def _one_host_is_off(shape: Shape, dice: random.Random) -> str:
    """The clock of one host while those of the others are right, as far as a domain allows; until it is healed."""
    host, seconds = dice.choice([0, 1]), dice.choice([-240, -120, -30, 30, 120, 240])
    shape.set_clocks(0)
    shape.site.clocks[host].set(seconds)
    time.sleep(1.5)
    return f"the clock of host {host + 1} alone is {seconds:+d} s off"


# --- connections and messages ----------------------------------------------------------------------------------


def _cut(shape: Shape, dice: random.Random) -> str:
    name = dice.choice(sorted(shape.wires))
    wire, fault = shape.wires[name], dice.choice(list(Fault))
    wire.fail(fault)
    if fault in (Fault.SLOW, Fault.SILENT):
        seconds = dice.choice([1.0, LEASE_SECONDS + 2])
        time.sleep(seconds)
        wire.mend()
        return f"the connection to the {name} is {fault} for {seconds} s"
    struck = wait_for_strike(wire, MOMENT_SECONDS)
    return f"the connection to the {name}: {fault}{'' if struck else ', which met nothing'}"


def _steal_messages(shape: Shape, dice: random.Random) -> str:
    """Whoever takes messages before the workers do loses them, delivers them late, or twice."""
    fate = dice.choice(["lost", "late", "twice"])
    taken: list[tuple[str, bytes, dict[str, object]]] = []
    queues = [queue.value for queue in Queue]
    until = time.monotonic() + 2
    with suppress(RedisError, amqp.AMQPError, OSError):
        if isinstance(shape.broker, RabbitServer):
            _steal_from_rabbit(shape.broker, queues, until, taken, is_given_back=fate != "lost")
        else:
            _steal_from_redis(shape.broker.port, queues, until, taken, fate)
    return f"{len(taken)} messages are {fate}"


def _steal_from_redis(
    port: int,
    queues: Iterable[str],
    until: float,
    taken: list[tuple[str, bytes, dict[str, object]]],
    fate: str,
) -> None:
    with Redis(port=port) as client:
        while time.monotonic() < until:
            found = client.brpop(list(queues), timeout=1)
            if found:
                name, body = found
                taken.append((name.decode(), body, {}))
        if fate == "late":
            time.sleep(LEASE_SECONDS)
        if fate != "lost":
            for name, body, _properties in taken * (2 if fate == "twice" else 1):
                client.lpush(name, body)


def _steal_from_rabbit(
    server: RabbitServer, queues: Iterable[str], until: float,
    taken: list[tuple[str, bytes, dict[str, object]]], *, is_given_back: bool,
) -> None:  # fmt: skip
    with server.connection() as connection:
        channel = connection.channel()
        while time.monotonic() < until:
            for name in queues:
                message = channel.basic_get(name, no_ack=True)
                if message is not None:
                    taken.append((name, message.body, message.properties))
            time.sleep(0.01)
        for name, body, properties in taken if is_given_back else []:
            message = amqp.Message(body, **properties)
            for _time in range(2):
                channel.basic_publish(message, routing_key=name)


def _repeat_messages(shape: Shape, dice: random.Random) -> str:
    """The messages of the newest run once more, of whatever state it is in."""
    run = shape.newest_run()
    if run is None:
        return "no run to send messages about"
    with suppress(Exception):
        shape.site.context.publish(
            [message for _time in range(3) for message in (PlanRun(run_id=run), ExecuteStage(run_id=run))]
        )
    return f"messages of run {run} three times"


def _two_at_once(shape: Shape, dice: random.Random) -> str:
    """Two of the others in the same moment."""
    first, second = dice.sample(sorted(possible(shape.form).keys() - {"two at once"}), 2)
    said: list[str] = []
    seeds = dice.randrange(10_000), dice.randrange(10_000)

    def _strike(name: str, seed: int) -> None:
        said.append(STRIKES[name][2](shape, random.Random(seed)))

    other = threading.Thread(target=_strike, args=(second, seeds[1]))
    other.start()
    _strike(first, seeds[0])
    other.join()
    shape.keep_running()
    return "at once: " + "; ".join(said)


def possible(form: Form) -> dict[str, int]:
    """The kinds that this form can be struck by, with their weights."""
    return {name: weight for name, (weight, can, _strike) in STRIKES.items() if can(form)}


STRIKES: dict[str, tuple[int, Condition, Strike]] = {
    "kill": (8, _always, _kill),
    "kill child": (4, _always, _kill_child),
    "terminate": (4, _always, _terminate),
    "freeze": (6, _always, _freeze),
    "kill at write": (8, _always, _kill_at_write),
    "freeze at write": (6, _always, _freeze_at_write),
    "restart broker": (4, _always, _restart_broker),
    "freeze broker": (3, _always, _freeze_broker),
    "restart database": (4, lambda form: form.database == "postgresql", _restart_database),
    "freeze database": (4, lambda form: form.database == "postgresql", _freeze_database),
    "lock database": (4, lambda form: form.database == "sqlite", _lock_database),
    "fill disk": (4, _always, _fill_disk),
    "clock jumps": (6, lambda form: form.has_own_clock, _jump),
    "one host's clock": (6, lambda form: form.has_own_clock, _one_host_is_off),
    "cut": (16, _always, _cut),
    "steal messages": (6, _always, _steal_messages),
    "repeat messages": (4, _always, _repeat_messages),
    "disturb phone system": (16, _always, ends.disturb_phone_system),
    "phone system lies": (10, _always, ends.phone_system_lies),
    "receiver fails": (5, _always, ends.receiver_fails),
    "lose answer": (12, _always, ends.lose_answer),
    "disturb directory": (6, _always, ends.disturb_directory),
    "restart directory": (3, lambda form: form.directory != "samba", ends.restart_directory),
    "kill relay": (5, lambda form: form.has_relay, ends.kill_relay),
    "freeze relay": (3, lambda form: form.has_relay, ends.freeze_relay),
    "restart relay's database": (3, lambda form: form.has_relay, ends.restart_relay_database),
    "two at once": (8, _always, _two_at_once),
}
