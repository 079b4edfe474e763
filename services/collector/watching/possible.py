"""Whether live changes are possible with this account, and how quick: for whoever tests a directory."""

from services.collector.active_directory import ActiveDirectory
from services.collector.watching.asking import Controller
from shared.domain.watching import WatchMethod
from shared.language import declared
from shared.settings.documents import DirectorySettings


def live_advice(directory: ActiveDirectory, settings: DirectorySettings) -> list[str]:
    """What makes live changes slower than they could be, or costs more; nothing where all is well.

    :raises RollcallError: the controller cannot be watched at all.
    """
    controller = Controller(directory, settings, with_sids=False)
    controller.usn()
    method, _ = controller.begin()
    advice: list[str] = []
    if method is WatchMethod.USN:
        advice.append(
            declared(
                "Live changes: this domain controller refuses DirSync, so changes are found by uSNChanged. "
                "Changes of a required group then need a full run."
            )
        )
    if not controller.shows_deleted:
        advice.append(
            declared(
                "Live changes: the account cannot read deleted entries, so a deletion takes effect within minutes, not "
                "seconds. docs/live.md says how to let it."
            )
        )
    return advice
