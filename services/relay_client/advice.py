"""What of a phone system that answered should be mended in time. Called by ``questions`` and ``snapshot``."""

from datetime import datetime

from services.relay_client.xapi import About
from shared.prerequisites import certificate_advice, clock_advice

SUPPORTED_VERSION = "20"


def advice_on(about: About, address: str, asked_at: datetime) -> list[str]:
    """Of its certificate, its clock and its version, at that moment."""
    whose = f"the phone system {address}"
    advice = [
        *certificate_advice(whose, about.certificate_ends_at, asked_at),
        *clock_advice(whose, about.clock, asked_at),
    ]
    if about.version.partition(".")[0] != SUPPORTED_VERSION:
        advice.append(
            f"The phone system says version {about.version or '(none)'}. Rollcall is made for 3CX V{SUPPORTED_VERSION}: look "
            "at a preview with care before anything is executed."
        )
    return advice
