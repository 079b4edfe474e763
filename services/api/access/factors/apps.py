"""Authenticator apps: codes of six digits that change every 30 seconds (TOTP, RFC 6238). Pure."""

import io
from datetime import datetime

import pyotp
import pyotp.utils
import segno
from pyotp.totp import TOTP

from shared.values.digits import is_digits

STEP_SECONDS = 30
# A clock that is half a minute off, either way, is common (RFC 6238, section 5.2).
_STEPS_OFF = 1
_ISSUER = "Rollcall"


def new_secret() -> str:
    """A secret of 160 bits in base32, as apps take it."""
    return pyotp.random_base32()


def address(secret: str, name: str) -> str:
    """What an app reads from the QR code."""
    return TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def picture(secret: str, name: str) -> bytes:
    """The address as a QR code, in SVG."""
    drawn = io.BytesIO()
    segno.make(address(secret, name), error="m").save(drawn, kind="svg", scale=5, border=4, light="white")
    return drawn.getvalue()


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step whose code this is, ``None`` when it is none, or one that was used already (RFC 6238, 5.2)."""
    digits = "".join(code.split())
    if len(digits) != 6 or not is_digits(digits):
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    totp = TOTP(secret)
    for step in range(current - _STEPS_OFF, current + _STEPS_OFF + 1):
        if step > last_step and pyotp.utils.strings_equal(totp.generate_otp(step), digits):
            return step
    return None
