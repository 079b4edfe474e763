"""What of a directory that answered should be mended in time. Called by ``questions`` and ``snapshot``."""

from datetime import datetime

from services.collector.active_directory import ActiveDirectory
from services.collector.root_dse import Domain
from shared.prerequisites import certificate_advice, clock_advice


def advice_on(directory: ActiveDirectory, domain: Domain, asked_at: datetime) -> list[str]:
    """Of controllers that were passed over, and of kind, clock and certificate of the one that answered at that moment."""
    read_only = (
        f"{domain.controller or directory.server} is a read-only domain controller: it receives changes "
        "later than "
        "others and may not hold all attributes. Use a writable one if possible."
    )
    return [
        *(item.error.message for item in directory.passed_over),
        *[read_only] * domain.is_read_only,
        *certificate_advice(f"domain controller {directory.server}", directory.certificate_ends_at, asked_at),
        *clock_advice(f"domain controller {domain.controller}", domain.clock, asked_at),
    ]
