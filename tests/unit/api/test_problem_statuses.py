"""Every error has one HTTP status that says who has to act."""

from collections.abc import Iterator

import pytest

from services.api.web.problems import status_of
from shared import errors
from shared.errors import Conflict, RollcallError


def _tree(kind: type[RollcallError]) -> Iterator[type[RollcallError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _tree(child)


KINDS = [kind for kind in _tree(RollcallError) if kind.__module__ == errors.__name__]


def test_every_code_is_of_one_class() -> None:
    # A kind without a code of its own is told apart in our code only, and shares that of its parent.
    codes = [kind.code for kind in KINDS if "code" in vars(kind)]
    assert len(set(codes)) == len(codes) > 30


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_known_error_has_a_status_of_its_kind(kind: type[RollcallError]) -> None:
    status = status_of(kind("said."))
    if issubclass(kind, errors.TransientError):
        assert status == 503
    else:
        # Only what is a fault of ours is none of whoever asked.
        assert status in (404, 409, 422) or kind is errors.StorageRefused


def test_an_error_that_nobody_has_mapped_is_a_500() -> None:
    assert status_of(RollcallError("said.")) == 500


def test_a_stale_version_is_a_failed_precondition() -> None:
    assert status_of(Conflict("said.", current_version=0)) == 412
    assert status_of(Conflict("said.", run_id=1)) == 409
