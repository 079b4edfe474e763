"""Copying, placing and removing never overwrite, follow no link, and remove only what was looked at."""

import os
import time
from pathlib import Path

import pytest

from rollcall_relay.files import (
    StillChanging,
    copy_proven,
    hash_file,
    is_same,
    list_files,
    make_folder,
    place,
    signature_at,
    unlink_same,
    unlink_unchanged,
)  # fmt: skip


def _nothing() -> None:
    pass


def _old_file(path: Path, content: bytes = b"audio") -> Path:
    path.write_bytes(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_a_copy_has_the_content_mode_and_times_of_the_file(tmp_path: Path) -> None:
    source = _old_file(tmp_path / "a", os.urandom(3_000_001))
    source.chmod(0o640)
    copied = copy_proven(source, tmp_path / "b", 2, _nothing)
    assert (tmp_path / "b").read_bytes() == source.read_bytes()
    assert (copied.size, copied.sha256) == (3_000_001, hash_file(source).sha256)
    status, original = (tmp_path / "b").stat(), source.stat()
    assert (status.st_mode, status.st_mtime_ns) == (original.st_mode, original.st_mtime_ns)


def test_a_copy_never_replaces_a_file(tmp_path: Path) -> None:
    source, target = _old_file(tmp_path / "a"), _old_file(tmp_path / "b", b"other")
    with pytest.raises(FileExistsError):
        copy_proven(source, target, 0, _nothing)
    assert target.read_bytes() == b"other"


def test_a_link_is_not_copied_and_a_pipe_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(_old_file(tmp_path / "a"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic links"):
        copy_proven(tmp_path / "link", tmp_path / "b", 0, _nothing)
    with pytest.raises(StillChanging):
        copy_proven(tmp_path / "pipe", tmp_path / "c", 0, _nothing)


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"x" * 5_000_000), lambda path: os.truncate(path, 10),
                                    lambda path: path.touch()])  # fmt: skip
def test_a_file_that_changes_while_it_is_copied_is_seen(tmp_path: Path, change: object) -> None:
    source = _old_file(tmp_path / "a", b"y" * 5_000_000)
    with pytest.raises(StillChanging):
        copy_proven(source, tmp_path / "b", 0, lambda: change(source))  # type: ignore[operator]


def test_a_file_that_was_just_written_is_waited_for(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"audio")
    written = source.stat().st_mtime
    copy_proven(source, tmp_path / "b", 0.3, _nothing)
    assert time.time() - written >= 0.3


def test_placing_twice_is_placing_once_and_another_file_is_kept(tmp_path: Path) -> None:
    staged, target = _old_file(tmp_path / "staged"), tmp_path / "target"
    assert place(staged, target)
    assert place(staged, target)
    assert is_same(staged, target)
    other = _old_file(tmp_path / "other")
    assert not place(staged, other), "the same content is still another file"
    unlink_same(staged, other)
    assert other.exists()
    unlink_same(staged, target)
    assert not target.exists()


def test_only_the_file_that_was_looked_at_is_removed(tmp_path: Path) -> None:
    path = _old_file(tmp_path / "a")
    signature = signature_at(path)
    assert signature is not None
    path.write_bytes(b"other")
    assert not unlink_unchanged(path, signature)
    assert path.exists()
    _old_file(path)
    again = signature_at(path)
    assert again is not None
    assert unlink_unchanged(path, again)
    assert unlink_unchanged(path, again), "gone is gone"
    path.symlink_to(tmp_path)
    assert not unlink_unchanged(path, again)


def test_a_listing_has_every_file_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    _old_file(tmp_path / "folder" / "a")
    _old_file(tmp_path / "folder" / "deep" / "b")
    (tmp_path / "folder" / "link").symlink_to(tmp_path)
    (tmp_path / "folder" / "deep" / "loop").symlink_to(tmp_path / "folder")
    files, strange = list_files(tmp_path / "folder")
    assert (sorted(files), sorted(strange)) == (["a", "deep/b"], ["deep/loop", "link"])
    assert list_files(tmp_path / "nowhere") == ({}, [])
    (tmp_path / "outside").symlink_to(tmp_path / "folder")
    assert list_files(tmp_path / "outside") == ({}, ["outside"])


def test_a_folder_is_made_like_another_and_never_through_a_link(tmp_path: Path) -> None:
    like = tmp_path / "like"
    like.mkdir(mode=0o700)
    like.chmod(0o2750)
    make_folder(tmp_path / "x" / "y", like)
    assert (tmp_path / "x" / "y").stat().st_mode == like.stat().st_mode
    (tmp_path / "link").symlink_to(like)
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "link" / "z", like)
    assert not list(like.iterdir())
