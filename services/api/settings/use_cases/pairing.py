"""Makes Rollcall the relay's peer: asks the relay, and saves the key that it obeys."""

import base64
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from services.api.connections.use_cases.questions import Values, note_question
from services.api.settings.use_cases.sections import replace_section
from shared.database import events
from shared.errors import SettingsInvalid
from shared.language import declared, phrase
from shared.settings.candidate import candidate
from shared.settings.documents import RelaySettings, Section
from shared.settings.store import public
from shared.worker.context import Context
from shared.worker.questions import ask, seal


def pair_relay(context: Context, site_id: str, code: str, actor: str, values: Values = None) -> Any:
    """Make Rollcall the peer of the relay with a pairing code; ``values`` are saved first.

    Every pairing makes a new key of our own. It is saved when the relay obeys it: a wrong code leaves an earlier
    pairing as it was.

    :raises SettingsInvalid: host or public key are missing or wrong.
    :raises RelayRefused: the code is wrong, used or too old.
    :raises RollcallError: as ``test_relay``.
    """
    stored = context.site_settings(site_id)
    wanted = cast(RelaySettings, candidate(stored, Section.RELAY, values or public(stored.settings.relay)))
    if not wanted.is_configured:
        raise SettingsInvalid(
            declared("There is no relay to pair with. Set relay.host and relay.public_key first.")
        )
    before = stored.settings.relay
    is_paired_elsewhere = before.signing_key.get_secret_value() and wanted.destinations != before.destinations
    if values is not None and not is_paired_elsewhere:
        # Another relay is saved when it obeys: until then the one from before stays.
        replace_section(context, site_id, Section.RELAY, values, actor)
    note_question(context, site_id, "relay_client.pair_relay", wanted, actor)
    key = _new_signing_key()
    paired = wanted.model_copy(update={"signing_key": SecretStr(key)})
    answer = ask(
        context,
        "relay_client.pair_relay",
        {
            "site_id": site_id,
            "settings": seal(paired, context.encryption),
            "code": context.encryption.encrypt(code),
        },
    )
    replace_section(context, site_id, Section.RELAY, paired.model_dump() | {"signing_key": key}, actor)
    with context.database.begin() as session:
        message = phrase("Rollcall was paired with the relay {answer}.", answer=answer["address"])
        entry = events.LogEntry("relay.paired", message, actor=actor)
        events.record_audited(session, site_id, entry, {"address": answer["address"]})
    return answer


def _new_signing_key() -> str:
    """Base64 of the 32 bytes of an Ed25519 private key, as ``RelaySettings.signing_key`` holds it."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
