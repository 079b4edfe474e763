"""Archiving 1 GiB of recordings with the relay, beside ``cp --reflink=never`` and ``sha256sum`` of the same tree.

Ours copies, forces to the disk, reads back, changes all rows in one transaction, proves files and rows, and removes the
sources. The reference copies the tree and makes checksums of the copy: what a careful administrator would type.
Both on one file system, the sources in the page cache.
"""

import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.report import Figure, best_of
from services.sandbox.relay_data.build import Mailbox
from tests.integration.relay.cluster import running_cluster
from tests.integration.relay.phones import ARCHIVE, LEAVER, make_phones

FILES = 512
FILE_BYTES = 2 * 1024 * 1024
REPEATS = 3
GOAL = 1.3


def measure() -> list[Figure]:
    """The best of three each, in turns."""
    ours = reference = float("inf")
    with running_cluster() as cluster:
        for repeat in range(REPEATS):
            with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
                staff = (Mailbox(LEAVER, "Ada", "Berg", recordings=FILES), Mailbox(ARCHIVE, "Archive", ""))
                phones = make_phones(Path(folder), cluster.cleared_database(), staff)
                _enlarge(phones.recordings / LEAVER)
                reference = min(reference, _copied_by_hand(phones.recordings / LEAVER, Path(folder, "copy")))
                os.sync()
                began = time.perf_counter()
                answer = phones.operate(f"bench-{repeat:04}", kind="archive", number=LEAVER, to=ARCHIVE)
                ours = min(ours, time.perf_counter() - began)
                if not answer.get("verified"):
                    raise RuntimeError(f"the archive is not verified: {answer}")
    return [
        Figure(
            "archive 1 GiB of recordings",
            ours,
            reference,
            GOAL,
            f"{FILES} files; reference: cp, then sha256sum",
        )
    ]


def _enlarge(folder: Path) -> None:
    source = random.Random(1)
    for path in sorted(folder.iterdir()):
        path.write_bytes(source.randbytes(FILE_BYTES))
    os.sync()


def _copied_by_hand(source: Path, target: Path) -> float:
    command = 'cp -r --reflink=never "$1" "$2" && find "$2" -type f -print0 | xargs -0 sha256sum > /dev/null && sync -f "$2"'
    seconds = best_of(
        1, lambda: subprocess.run(["sh", "-c", command, "sh", str(source), str(target)], check=True)
    )
    shutil.rmtree(target)
    return seconds
