"""Codes of authenticator apps and recovery codes: what is one, and what is none."""

from datetime import UTC, datetime, timedelta

import pytest
from pyotp.totp import TOTP

from services.api.access.factors import apps, recovery

# RFC 6238, appendix B, of which the last six digits count; the secret is "12345678901234567890".
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
]
NOW = datetime(2026, 11, 30, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "code"), RFC)
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert apps.step_of(RFC_SECRET, code, now, 0) == seconds // 30
    assert apps.step_of(RFC_SECRET, f" {code[:3]} {code[3:]} ", now, 0) == seconds // 30


@pytest.mark.parametrize(("off", "is_right"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_be_half_a_minute_off_and_no_more(off: int, is_right: bool) -> None:
    code = TOTP(RFC_SECRET).at(NOW + timedelta(seconds=off))
    assert (apps.step_of(RFC_SECRET, code, NOW, 0) is not None) == is_right


def test_a_code_counts_once_and_none_before_it_any_more() -> None:
    codes = [TOTP(RFC_SECRET).at(NOW + timedelta(seconds=off)) for off in (-30, 0, 30)]
    used = apps.step_of(RFC_SECRET, codes[1], NOW, 0)
    assert used is not None
    assert [apps.step_of(RFC_SECRET, code, NOW, used) for code in codes] == [None, None, used + 1]


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "２８７０８２", "28708²", "-28708"])
def test_what_is_no_code_is_refused(typed: str) -> None:
    assert apps.step_of(RFC_SECRET, typed, datetime.fromtimestamp(59, UTC), 0) is None


def test_recovery_codes_differ_and_may_be_typed_in_any_way() -> None:
    codes = recovery.new_codes()
    assert len(set(codes)) == recovery.HOW_MANY
    (digest,) = {recovery.digest(typed) for typed in (codes[0], codes[0].upper(), codes[0].replace("-", " "))}
    assert digest is not None
    assert digest != recovery.digest(codes[1])
    assert recovery.digest(codes[0][:-1]) is None
    assert recovery.digest("ä" * 16) is None
