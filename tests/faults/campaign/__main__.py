"""``make faults ARGS="--seed 7 --count 500 --minutes 30"``: episodes of a company under faults until one of both is reached."""

import argparse
import random
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.faults.campaign.episode import Verdict, play
from tests.faults.campaign.life import BEFORE_STRIKES, DEEDS
from tests.faults.campaign.plan import Form, Plan, Weights, draw
from tests.faults.campaign.servers import Servers
from tests.faults.campaign.shrink import shortest
from tests.faults.campaign.strikes import possible
from tests.support import databases, forked

_FAULTS_AN_EPISODE = 20
# Each as often as it stands here.
_DIRECTORIES = ("stand-in", "two stand-ins", "stand-in", "samba")


def main() -> int:
    """Play, print, shrink; 1 when something was violated."""
    options = _options()
    # Whoever stops it stops all that it has started; a shell has its children in the background ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: sys.exit(1))
    deadline = time.monotonic() + options.minutes * 60
    struck, failed, episodes = Counter[str](), 0, 0
    with ExitStack() as stack:
        stack.callback(forked.close)
        stack.enter_context(databases.session())
        servers = Servers(stack)
        seed = options.seed
        while struck.total() < options.count and time.monotonic() < deadline:
            faults = min(options.episode, options.count - struck.total())
            plan = plan_of(seed, faults, options)
            print(f"seed {seed}: {plan.strikes} faults on {plan.form}", flush=True)
            verdict = play(plan, servers, _say if options.verbose else _quiet)
            struck += verdict.struck
            episodes += 1
            print(
                f"seed {seed}: {len(verdict.violations)} violations, {verdict.effects} writes, {verdict.seconds:.0f} s",
                flush=True,
            )
            if verdict.violations:
                failed += 1
                _explain(plan, verdict, servers, options.shrink * 60)
            seed += 1
    print(f"{struck.total()} faults in {episodes} episodes, {failed} with violations")
    for name, times in struck.most_common():
        print(f"  {times:4} {name}")
    return 1 if failed else 0


def plan_of(seed: int, faults: int, options: argparse.Namespace) -> Plan:
    """The plan of a seed; what is given on the command line is not drawn."""
    dice = random.Random(f"form {seed}")
    form = Form(
        database=dice.choice(["sqlite", "postgresql"]),
        broker=dice.choice(["redis", "redis", "rabbitmq"]),
        directory=dice.choice(_DIRECTORIES),
        is_live=dice.random() < 0.5,
        has_relay=dice.random() < 0.25,
        has_own_clock=dice.random() < 0.4 and shutil.which("cc") is not None,
        is_large=dice.random() < 0.3,
        has_branch=dice.random() < 0.3,
    )
    chosen = {name: getattr(options, name) for name in ("database", "broker", "directory")}
    form = replace(form, **{name: value for name, value in chosen.items() if value})
    kinds = _of(options.only, possible(form))
    deeds = _of(options.deeds, {name: weight for name, (weight, _deed) in DEEDS.items()})
    return draw(seed, form, faults, deeds, kinds, BEFORE_STRIKES)


def _of(chosen: str, weights: Weights) -> Weights:
    """Those that are named on the command line, as far as the form has them; all when none is."""
    names = chosen.split(",") if chosen else weights
    return {name: weights[name] for name in names if name in weights}


def _explain(plan: Plan, verdict: Verdict, servers: Servers, seconds: float) -> None:
    """The story of a failure, and the shortest plan that still fails."""
    print("\n".join(verdict.story))
    print("\n".join(f"VIOLATION {violation}" for violation in verdict.violations), flush=True)
    if not seconds:
        return
    deadline = time.monotonic() + seconds
    steps = shortest(
        plan.steps,
        lambda steps: bool(play(replace(plan, steps=tuple(steps)), servers).violations),
        lambda: time.monotonic() > deadline,
    )
    print(f"the shortest plan of seed {plan.seed} that failed, on {plan.form}:")
    print("\n".join(f"  {step}" for step in steps), flush=True)


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _quiet(_line: str) -> None:
    pass


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first episode; the next has the next one")
    parser.add_argument("--count", type=int, default=100, help="how many faults")
    parser.add_argument("--minutes", type=float, default=30, help="no episode begins later")
    parser.add_argument("--episode", type=int, default=_FAULTS_AN_EPISODE, help="faults in one episode")
    parser.add_argument("--shrink", type=float, default=5, help="minutes for the shortest plan of a failure")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="drawn unless given")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], help="drawn unless given")
    parser.add_argument("--directory", choices=sorted({*_DIRECTORIES}), help="drawn unless given")
    parser.add_argument("--only", default="", help="only these kinds of fault, by name, with commas")
    parser.add_argument("--deeds", default="", help="only these kinds of deed")
    parser.add_argument("--verbose", action="store_true", help="tell the story while it happens")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pytest.skip.Exception as missing:
        print(f"left out: {missing}")
