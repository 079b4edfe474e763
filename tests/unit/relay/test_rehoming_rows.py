"""The columns that say whose voicemail it is change together, in the form the row writes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall_relay.changes import Change, Kind, audio_names, is_set, rehomed_recording, rehomed_voicemail


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "__name": "104/vmail_1_104_2026",
        "wav_file": "vmail_1_104_2026",
        "callee": "104",
        "caller": "1",
    } | changes


@pytest.mark.parametrize(
    ("row", "old_file", "new_file", "becomes"),
    [
        (_row(), "vmail_1_104_2026.wav", "vmail_1_104_2026.wav", ("900/vmail_1_104_2026", "vmail_1_104_2026", "900")),
        (_row(), "vmail_1_104_2026.wav", "vmail_1_104_2026_2.wav", ("900/vmail_1_104_2026_2", "vmail_1_104_2026_2", "900")),
        # A row that names the file with its ending, or with the folder.
        (_row(wav_file="a.wav"), "a.wav", "a_2.wav", ("900/vmail_1_104_2026", "a_2.wav", "900")),
        (_row(wav_file="104/a"), "a.wav", "a_2.wav", ("900/vmail_1_104_2026", "900/a_2", "900")),
        # A number that merely occurs elsewhere is no folder.
        (_row(wav_file="1104/a"), "1104/a.wav", "1104/a.wav", ("900/vmail_1_104_2026", "1104/a", "900")),
        # What is addressed to another extension stays addressed to it.
        (_row(callee="105"), "x.wav", "x.wav", ("900/vmail_1_104_2026", "vmail_1_104_2026", "105")),
        (_row(callee=None), "x.wav", "x.wav", ("900/vmail_1_104_2026", "vmail_1_104_2026", None)),
    ],
)  # fmt: skip
def test_a_voicemail_is_rehomed(
    row: dict[str, Any], old_file: str, new_file: str, becomes: tuple[str, str, str | None]
) -> None:
    change = rehomed_voicemail(row, "104", "900", old_file, new_file)
    assert (change.becomes["__name"], change.becomes["wav_file"], change.becomes["callee"]) == becomes
    assert change.found_by == {name: row[name] for name in ("__name", "wav_file", "callee")}


@given(st.text("ab./_ 104", min_size=1, max_size=12).filter(lambda stem: not stem.endswith(".wav")))
def test_a_rehomed_row_leads_to_the_file_again(stem: str) -> None:
    row = _row(wav_file=stem, __name=f"104/{stem}")
    file = audio_names(row, "104")[0]
    change = rehomed_voicemail(row, "104", "900", file, "new name_2.wav")
    assert audio_names(change.becomes, "900")[0] == "new name_2.wav"


def test_a_recording_is_found_by_its_id_and_its_place() -> None:
    change = rehomed_recording({"id_recording": 7, "recording_url": "104/x.wav", "summary": "s"}, "900/x.wav")
    assert change == Change(
        Kind.RECORDING,
        {"id_recording": 7, "recording_url": "104/x.wav"},
        {"id_recording": 7, "recording_url": "900/x.wav"},
    )
    assert Change.from_json(change.as_json()) == change


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), (True, True), ("t", True), ("", False), ("0", False), (None, False), (False, False)],
)
def test_3cx_writes_yes_and_no_in_several_ways(value: object, expected: bool) -> None:
    assert is_set(value) is expected
