"""What is left out of a plan takes with it whatever requires it, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from services.api.runs.dependents import with_dependents


# As in a plan: a command requires only commands before it.
@st.composite
def _plans(draw: st.DrawFn) -> tuple[set[int], ...]:
    return tuple(
        draw(st.sets(st.integers(1, index - 1), max_size=3)) if index > 1 else set()
        for index in range(1, draw(st.integers(1, 12)) + 1)
    )


@given(plan=_plans(), data=st.data())
def test_nothing_that_stays_requires_anything_left_out(
    plan: tuple[set[int], ...], data: st.DataObject
) -> None:
    requires = dict(enumerate(plan, 1))
    chosen = data.draw(st.sets(st.sampled_from(sorted(requires))))
    left_out = with_dependents(chosen, requires)
    assert chosen <= left_out <= set(requires)
    for sequence, needed in requires.items():
        if sequence not in left_out:
            assert not needed & left_out
        elif sequence not in chosen:
            assert needed & left_out
