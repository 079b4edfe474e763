"""The journal gives back what was written, however the last line was cut off."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rollcall_relay.journal import Journal

_ENTRIES = st.dictionaries(
    st.sampled_from(["requested", "planned", "staged", "finished"]),
    st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3),
    min_size=1,
)


@given(_ENTRIES, st.data())
def test_a_journal_that_was_cut_off_anywhere_has_its_whole_lines_and_goes_on(
    entries: dict[str, dict[str, object]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "operation.jsonl")
        journal = Journal(path)
        for kind, entry in entries.items():
            journal.write(kind, entry)
        content = path.read_bytes()
        # The likeliest slip is a line that lacks its end only.
        line_ends = [index for index, byte in enumerate(content) if byte == ord("\n")]
        cut = data.draw(st.integers(0, len(content)) | st.sampled_from(line_ends))
        path.write_bytes(content[:cut])
        again = Journal(path)
        kept = [kind for kind in entries if again.get(kind) is not None]
        assert len(kept) == content[:cut].count(b"\n")
        assert kept == list(entries)[: len(kept)]
        again.write("last", {"x": 1})
        final = Journal(path)
        assert [final.get(kind) for kind in (*kept, "last")] == [*(entries[kind] for kind in kept), {"x": 1}]


def test_a_name_that_is_not_utf_8_survives(tmp_path: Path) -> None:
    Journal(tmp_path / "a.jsonl").write("planned", {"file": "not \udcff utf-8"})
    assert Journal(tmp_path / "a.jsonl").get("planned") == {"file": "not \udcff utf-8"}
