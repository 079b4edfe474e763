"""Carries out a plan: copy, force to the disk, change the rows in one transaction, prove, remove the sources.

Used by ``archive`` and ``restore``. Each step ends with an entry in the journal and may be repeated, so a transfer
that was killed anywhere goes on from the last entry. Until the entry ``committing`` it can be taken back; from there
on it only goes forward. Nothing is ever overwritten, and no source is removed whose copy is not proven.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollcall_relay import faults
from rollcall_relay.changes import Kind
from rollcall_relay.errors import Problem, RelayError, TryAgain, disk_full, is_disk_full
from rollcall_relay.files import (
    Copied,
    make_folder,
    place,
    signature_at,
    sync_folder,
    unlink_same,
    unlink_unchanged,
)
from rollcall_relay.inventory import total_checksum
from rollcall_relay.journal import Journal
from rollcall_relay.plan import Part, Plan
from rollcall_relay.settings import Settings
from rollcall_relay.staging import Copy, check_space, copy_all

if TYPE_CHECKING:
    from rollcall_relay.database import Database

STAGING = ".rollcall-relay"
"""In the folder of the targets, so that placing a file is giving it a second name on one disk."""


class Transfer:
    """One transfer. ``plan`` is only called when the journal has none yet."""

    def __init__(
        self, journal: Journal, database: "Database", settings: Settings, plan: Callable[[], Plan]
    ) -> None:
        self._journal = journal
        self._database = database
        self._settings = settings
        entry = journal.get("planned") or journal.write("planned", plan().as_json())
        self.plan = Plan.from_json(entry)
        faults.reach("planned")

    def run(self) -> dict[str, Any]:
        """Do what is still to be done; counts, checksums and problems of the whole.

        :raises RelayError: nothing was changed.
        :raises TryAgain: it stopped in a safe state and goes on when asked again.
        """
        try:
            self._step("staged", self._stage)
            faults.reach("staged")
            self._step("placed", self._place)
            faults.reach("placed")
            self._step("committing", self._settle)
            faults.reach("committing")
        except TryAgain:
            raise
        except RelayError:
            self._take_back()
            raise
        with _only_forward():
            self._step("committed", self._commit)
            faults.reach("committed")
            self._step("proven", self._prove)
            faults.reach("proven")
            self._step("removed", self._remove)
            faults.reach("removed")
            self._clean()
            faults.reach("cleaned")
        return self._outcome()

    def _step(self, name: str, work: Callable[[], dict[str, Any]]) -> None:
        if self._journal.get(name) is None:
            self._journal.write(name, work())

    # Before the rows change.

    def _stage(self) -> dict[str, Any]:
        parts = [(index, part) for index, part in enumerate(self.plan.parts) if part.source is not None]
        check_space(
            ((self.plan.targets[part.kind], part.size) for _, part in parts), self._settings.reserve_bytes
        )
        with self._all_or_nothing():
            for kind in self._kinds(parts):
                folder = self._staging(kind)
                if folder.exists():
                    shutil.rmtree(folder)
                make_folder(folder, self.plan.targets[kind])
            copies = [
                Copy(
                    part.label,
                    self.plan.source(part),
                    self._staging(part.kind) / str(index),
                    part.sha256,
                )
                for index, part in parts
            ]
            results = copy_all(copies, self._settings.settle_seconds, lambda: faults.reach("staging"))
            for kind in self._kinds(parts):
                sync_folder(self._staging(kind))
        files: dict[str, Any] = {}
        dropped: dict[str, Any] = {}
        for (index, _), result in zip(parts, results, strict=True):
            if isinstance(result, Problem):
                dropped[str(index)] = result.as_json()
            else:
                files[str(index)] = [result.sha256, result.size, result.inode]
        return {"files": files, "dropped": dropped}

    def _place(self) -> dict[str, Any]:
        dropped: dict[str, Any] = {}
        folders: set[Path] = set()
        with self._all_or_nothing():
            for index, part in self._remaining_files():
                target = self.plan.target(part)
                if target.parent not in folders:
                    make_folder(target.parent, self.plan.targets[part.kind])
                folders.add(target.parent)
                if not place(self._staging(part.kind) / str(index), target):
                    dropped[str(index)] = Problem(
                        "name_taken", part.label, f"{target} was made by someone else meanwhile. Try again."
                    ).as_json()
                faults.reach("placing")
            for folder in folders:
                sync_folder(folder)
        return {"dropped": dropped}

    def _settle(self) -> dict[str, Any]:
        """The last look at the sources: what changed since it was copied stays where it is."""
        dropped: dict[str, Any] = {}
        for index, part in self._remaining_files():
            if signature_at(self.plan.source(part)) != part.signature:
                unlink_same(self._staging(part.kind) / str(index), self.plan.target(part))
                dropped[str(index)] = Problem(
                    "file_changing",
                    part.label,
                    "The file changed after it was copied; it was left alone. Try again.",
                ).as_json()
        return {"dropped": dropped}

    # From here on only forward.

    def _commit(self) -> dict[str, Any]:
        groups = [(str(index), part.changes) for index, part in self._remaining() if part.changes]
        left_out = self._database.apply(groups) if groups else {}
        # Killed here, nothing but the rows themselves tells that they were changed.
        faults.reach("in_doubt")
        dropped: dict[str, Any] = {}
        for index, reason in left_out.items():
            part = self.plan.parts[int(index)]
            if part.target is not None and signature_at(self.plan.source(part)) == part.signature:
                unlink_same(self._staging(part.kind) / index, self.plan.target(part))
            dropped[index] = Problem(
                "row_changed", part.label, f"Left at its old place: {reason}. Try again."
            ).as_json()
        return {"dropped": dropped}

    def _prove(self) -> dict[str, Any]:
        """Files and rows are where they should be; the content was read back when it was written."""
        dropped: dict[str, Any] = {}
        remaining = list(self._remaining())
        changes = [(index, change) for index, part in remaining for change in part.changes]
        made = self._database.is_made([change for _, change in changes])
        for (index, _), is_made in zip(changes, made, strict=True):
            if not is_made:
                dropped[str(index)] = self._unproven(index, "the database does not show it there").as_json()
        for index, part in remaining:
            if part.target is None:
                continue
            found = signature_at(self.plan.target(part))
            copied = self._copied(index)
            if found is None or found[:2] != (copied.inode, copied.size):
                dropped[str(index)] = self._unproven(index, "the file there is not the copy").as_json()
        return {"dropped": dropped}

    def _unproven(self, index: int, reason: str) -> Problem:
        return Problem(
            "not_proven",
            self.plan.parts[index].label,
            f"It was changed by someone else right after it was moved ({reason}); its old file was kept.",
        )

    def _remove(self) -> dict[str, Any]:
        dropped: dict[str, Any] = {}
        folders: set[Path] = set()
        for index, part in self._remaining_files() if self.plan.removes else ():
            source = self.plan.source(part)
            assert part.signature is not None
            # What cannot be removed now is removed when the operation goes on: else it would be there twice.
            if not unlink_unchanged(source, part.signature):
                dropped[str(index)] = Problem(
                    "source_kept", part.label, f"{source} changed after it was moved, and was kept as well."
                ).as_json()
            folders.add(source.parent)
            faults.reach("removing")
        for folder in folders:
            if folder.is_dir():
                sync_folder(folder)
        return {"dropped": dropped}

    def _clean(self) -> None:
        for kind in {part.kind for part in self.plan.parts}:
            shutil.rmtree(self._staging(kind), ignore_errors=True)
            with suppress(OSError):
                # Not empty while another transfer waits to go on.
                self._staging(kind).parent.rmdir()

    def _take_back(self) -> None:
        """Undo everything: only names of our own copies are removed, and no row was changed yet."""
        for index, part in enumerate(self.plan.parts):
            if part.target is not None:
                unlink_same(self._staging(part.kind) / str(index), self.plan.target(part))
        self._clean()

    # What the journal says.

    def _staging(self, kind: Kind) -> Path:
        return self.plan.targets[kind] / STAGING / f"{self._journal.operation}.{kind}"

    @staticmethod
    def _kinds(parts: list[tuple[int, Part]]) -> set[Kind]:
        return {part.kind for _, part in parts}

    def _dropped(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for step in ("staged", "placed", "committing", "committed", "proven", "removed"):
            merged |= (self._journal.get(step) or {}).get("dropped", {})
        return merged

    def _remaining(self) -> Iterator[tuple[int, Part]]:
        dropped = self._dropped()
        return ((index, part) for index, part in enumerate(self.plan.parts) if str(index) not in dropped)

    def _remaining_files(self) -> Iterator[tuple[int, Part]]:
        return ((index, part) for index, part in self._remaining() if part.target is not None)

    def _copied(self, index: int) -> Copied:
        staged = self._journal.get("staged")
        assert staged is not None
        return Copied(*staged["files"][str(index)])

    def moved(self) -> Iterator[tuple[Part, Copied | None]]:
        """Every part that arrived, with the proof of its file."""
        return (
            (part, None if part.target is None else self._copied(index)) for index, part in self._remaining()
        )

    def _outcome(self) -> dict[str, Any]:
        arrived = list(self.moved())
        answer: dict[str, Any] = {}
        for kind in Kind:
            if kind not in self.plan.sources:
                continue
            copies = [copied for part, copied in arrived if copied is not None and part.kind is kind]
            answer[kind] = {
                "items": len(copies),
                "bytes": sum(copied.size for copied in copies),
                "rows": sum(len(part.changes) for part, _ in arrived if part.kind is kind),
                "sha256": total_checksum(copied.sha256 for copied in copies),
            }
        problems = [problem.as_json() for problem in self.plan.problems] + list(self._dropped().values())
        return answer | {"problems": problems}

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Turns what the file system refuses, before anything counts, into the end of the operation."""
        try:
            yield
        except OSError as error:
            if is_disk_full(error):
                raise disk_full(error.filename or "the audio folders") from error
            # Where a file gets its name there are two, and the second is the one that is refused.
            place = error.filename2 or error.filename or "An audio folder"
            raise RelayError(
                "folder_not_writable",
                f"{place} cannot be written ({error.strerror}). Nothing was changed. Let "
                "the relay run as the user that owns 3CX's files (phonesystem).",
            ) from error


@contextmanager
def _only_forward() -> Iterator[None]:
    """After the rows may have changed no failure ends the operation: it waits to be asked for again."""
    try:
        yield
    except TryAgain:
        raise
    except (RelayError, OSError) as error:
        code = error.code if isinstance(error, RelayError) else "host_failed"
        raise TryAgain(
            code, f"Stopped half-way, nothing is lost: {error}. Correct this and try again."
        ) from error
