"""What of a phone system that answered should be mended in time. Called by ``questions``, ``snapshot`` and ``trial``."""

from collections.abc import Sequence
from datetime import datetime

from services.relay_client.xapi.client import About, Licence, MissingSettings
from shared.language import declared, enumerated, phrase
from shared.prerequisites import certificate_advice, clock_advice

SUPPORTED_VERSION = "20"


def advice_on(about: About, address: str, asked_at: datetime) -> list[str]:
    """Of its certificate, its clock and its version, at that moment."""
    whose = phrase("the phone system {address}", address=address)
    advice = [
        *certificate_advice(whose, about.certificate_ends_at, asked_at),
        *clock_advice(whose, about.clock, asked_at),
    ]
    if about.version.partition(".")[0] != SUPPORTED_VERSION:
        advice.append(
            phrase(
                (
                    "The phone system reports version {version}. Rollcall supports 3CX V{supported_version}: "
                    "review a preview carefully before you apply changes."
                ),
                version=about.version or declared("(none)"),
                supported_version=SUPPORTED_VERSION,
            )
        )
    return advice


def advice_on_losses(licence: Licence, missing: MissingSettings) -> list[str]:
    """Of what a run cannot do or know here."""
    advice = []
    if missing.refused:
        advice.append(
            phrase(
                "3CX refuses {names}. Templates and renumbering skip these settings and copy everything "
                "else. Set them manually where needed.",
                names=enumerated(missing.refused),
            )
        )
    if not licence.is_told:
        advice.append(
            declared(
                "3CX does not say how many extensions its licence allows, so Rollcall cannot check in "
                "advance whether new ones fit. Check the licence in 3CX before many people join."
            )
        )
    return advice


def advice_on_release(about: About, missing: MissingSettings) -> list[str]:
    """Of what this release does not have yet, and therefore nobody can lose."""
    if not missing.absent:
        return []
    return [
        phrase(
            "This 3CX ({version}) does not have {names} yet. Templates and renumbering copy everything else.",
            version=about.version or declared("it reports no version"),
            names=enumerated(missing.absent),
        )
    ]


def advice_on_roles(allowed: Sequence[str], there: Sequence[str]) -> list[str]:
    """Of roles that the settings name and the phone system does not have."""
    unknown = [role for role in allowed if role not in there]
    if not unknown or not there:
        return []
    return [
        phrase(
            "3CX does not have the role {names}, which phone_system.allowed_roles names. It has: {roles}.",
            names=enumerated(unknown),
            roles=", ".join(sorted(there)),
        )
    ]
