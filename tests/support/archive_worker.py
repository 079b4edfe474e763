"""``rollcall`` with an archiver that really moves files, in place of the relay that this deployment has not.

``python -m tests.support.archive_worker worker --queue relay_client`` is a worker like any other; only the task
that executes stages is given ``FolderArchiver`` on the folder ``ARCHIVE_FOLDER``. A file ``hold_before`` or
``hold_after`` in it stops the archiver there (it then makes a file ``held``) until the file is taken away.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from services.cli.main import main
from services.relay_client import execute
from services.relay_client.archive import Archiver, ArchiveReceipt, ArchiveRequest

FOLDER = "ARCHIVE_FOLDER"


class FolderArchiver:
    """Moves the file named like the extension's number into the archive's folder, and verifies it there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        """Move what is still there; a second time there is nothing to move."""
        self._hold("hold_before")
        number = request.number
        source, target = self._folder / number, self._folder / request.to / number
        target.parent.mkdir(exist_ok=True)
        if source.exists():
            source.rename(target)
            with (self._folder / "moved").open("a") as log:
                log.write(number + "\n")
        self._hold("hold_after")
        return ArchiveReceipt(is_verified=target.exists(), items=1, size_bytes=target.stat().st_size)

    def _hold(self, moment: str) -> None:
        if (self._folder / moment).exists():
            (self._folder / "held").touch()
            while (self._folder / moment).exists():
                time.sleep(0.01)


def _folder_archiver(*_of_the_site: Any) -> Archiver:
    return FolderArchiver(Path(os.environ[FOLDER]))


if __name__ == "__main__":
    # The one seam: where a stage asks how the site archives.
    execute.archiver_of = _folder_archiver  # type: ignore[attr-defined, assignment]
    sys.exit(main(sys.argv[1:]))
