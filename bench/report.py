"""What a benchmark measures and how it is shown."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """Our time against the reference's; ``goal`` is the largest ratio wanted, ``None`` when only told.

    Where there is no reference (``reference_seconds`` 1.0, ``is_absolute``), the ratio is against a fixed time.
    With another ``unit`` both are memory or a weight and not time.
    """

    name: str
    ours_seconds: float
    reference_seconds: float
    goal: float | None = None
    note: str = ""
    unit: Literal["s", "MB", "kB"] = "s"

    @property
    def ratio(self) -> float:
        """Ours ÷ the reference's."""
        return self.ours_seconds / self.reference_seconds

    @property
    def is_met(self) -> bool:
        """Whether the goal is kept (true when there is none)."""
        return self.goal is None or self.ratio <= self.goal


def best_of(times: int, action: Callable[[], object]) -> float:
    """The shortest wall time in seconds of several calls: the least disturbed one."""
    best = float("inf")
    for _ in range(times):
        gc.collect()
        began = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - began)
    return best


def best_of_both(
    times: int, ours: Callable[[], object], reference: Callable[[], object]
) -> tuple[float, float]:
    """The shortest times of two actions, taken in turns so that both meet the same machine."""
    best_ours = best_reference = float("inf")
    for _ in range(times):
        best_reference = min(best_reference, best_of(1, reference))
        best_ours = min(best_ours, best_of(1, ours))
    return best_ours, best_reference


def show(figures: list[Figure]) -> None:
    """A table for people."""
    table = Table(title="Rollcall against a bare reference, same machine, same run")
    for heading in ("what", "ours", "reference", "ratio", "goal", "", "note"):
        table.add_column(heading, justify="left" if heading in ("what", "note") else "right")
    for figure in figures:
        table.add_row(
            figure.name,
            _shown(figure.ours_seconds, figure.unit),
            _shown(figure.reference_seconds, figure.unit),
            f"{figure.ratio:.2f}",
            "" if figure.goal is None else f"≤ {figure.goal:g}",
            "" if figure.goal is None else ("met" if figure.is_met else "MISSED"),
            figure.note,
        )
    Console(width=150).print(table)


def _shown(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:.0f} {unit}"
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
