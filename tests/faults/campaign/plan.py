"""What one episode is made of, drawn from a seed. Pure: the same seed is the same plan."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Weights = Mapping[str, int]
"""How often each name is drawn, beside the others."""


class Part(StrEnum):
    """What a step belongs to."""

    DEED = "deed"
    STRIKE = "strike"


@dataclass(frozen=True, slots=True)
class Form:
    """What the company runs Rollcall on."""

    database: str
    broker: str
    directory: str
    is_live: bool
    has_relay: bool
    has_own_clock: bool
    has_branch: bool = False
    """Whether it has a second site, with both ends of its own."""
    is_large: bool = False
    """Whether the phone system has so many other extensions that they are read in pages."""

    def __str__(self) -> str:
        extras = {
            "live": self.is_live,
            "relay": self.has_relay,
            "own clock": self.has_own_clock,
            "branch": self.has_branch,
            "large": self.is_large,
        }
        return ", ".join(
            [
                self.database,
                self.broker,
                self.directory,
                *(name for name, is_there in extras.items() if is_there),
            ]
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One deed of the company, or one strike. Its own seed: leaving out another step does not change it."""

    part: Part
    name: str
    seed: int

    def __str__(self) -> str:
        return f"{'*' if self.part is Part.STRIKE else '-'} {self.name} ({self.seed})"


@dataclass(frozen=True, slots=True)
class Plan:
    """One episode: a new company, its steps in order."""

    seed: int
    form: Form
    steps: tuple[Step, ...]

    @property
    def strikes(self) -> int:
        """How many faults it has."""
        return sum(step.part is Part.STRIKE for step in self.steps)


def draw(
    seed: int, form: Form, faults: int, deeds: Weights, strikes: Weights, before_strikes: Weights
) -> Plan:
    """So many faults, each after some deeds; the last one of these from ``before_strikes``."""
    dice = random.Random(f"steps {seed}")
    steps: list[Step] = []
    for _fault in range(faults):
        steps += [_step(Part.DEED, deeds, dice) for _deed in range(dice.randint(1, 5))]
        steps.append(_step(Part.DEED, before_strikes, dice))
        steps.append(_step(Part.STRIKE, strikes, dice))
    return Plan(seed, form, tuple(steps))


def _step(part: Part, weights: Weights, dice: random.Random) -> Step:
    (name,) = dice.choices(list(weights), list(weights.values()))
    return Step(part, name, dice.randrange(10_000))
