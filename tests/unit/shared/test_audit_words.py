"""The audit in words: every action has a sentence and a kind, and settings are shown by their labels."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.audit_words import (
    ACTIONS,
    SENTENCES,
    AuditKind,
    audit_changes,
    audit_sentence,
    change_in_words,
)
from shared.domain.actor import by

_WRITERS = ("audit", "_audit", "record_audited", "LogEntry", "_note", "_end")
ROOT = Path(__file__).parents[3]


def _written() -> Iterator[str]:
    """The actions that the code writes to the audit: of an f-string, what it begins with."""
    for folder in ("services", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            if not re.search(r"events\.audit\(|record_audited\(", source) or path.name == "events.py":
                continue
            for call in ast.walk(ast.parse(source)):
                if (
                    isinstance(call, ast.Call)
                    and getattr(call.func, "attr", getattr(call.func, "id", "")) in _WRITERS
                ):
                    yield from filter(
                        None, map(_action, [*call.args, *(word.value for word in call.keywords)])
                    )


def _action(node: ast.expr) -> str | None:
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        begins = r"[a-z_]+\.$" if isinstance(node, ast.JoinedStr) else r"[a-z_]+\.[a-z_]+$"
        return first.value if re.match(begins, first.value) else None
    return None


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        ("account:ada", "ada"),
        ("token:backup", "the token “backup”"),
        ("command line", "the command line"),
        ("a newer one", "a newer one"),
    ],
)
def test_an_actor_within_a_sentence_is_in_words(actor: str, said: str) -> None:
    assert by(actor) == said


def test_a_test_without_an_address_has_a_sentence_too() -> None:
    details = {"question": "test_channel", "to": ""}
    said = audit_sentence("default", "command line", "connection.tested", details)
    assert said == "The command line tested a connection that is not set up."


def test_every_action_that_is_written_to_the_audit_has_a_sentence() -> None:
    written = set(_written())
    assert len(written) > 25
    # Of the Log alone.
    others = {"number.written", "number.not_written"}
    missing = {
        action
        for action in written - others
        if not (
            action in SENTENCES
            or any(action.endswith(".") and known.startswith(action) for known in SENTENCES)
        )
    }
    assert missing == set(), "Add the sentence to SENTENCES in shared/audit_words.py."


def test_every_sentence_is_of_one_kind() -> None:
    kinds = [name for names in ACTIONS.values() for name in names]
    assert len(kinds) == len(set(kinds))
    assert {action.partition(".")[0] for action in SENTENCES} == set(kinds)
    assert set(ACTIONS) == set(AuditKind)


@pytest.mark.parametrize(
    ("actor", "action", "details", "sentence"),
    [
        ("account:pat", "log.cleared", {"entries": 1}, "pat cleared the Log: 1 entry."),
        ("token:ci", "run.approved", {"run_id": 7, "left_out": [3, 4]},
         "The token “ci” approved the plan of run 7, without 2 rows."),
        ("command line", "run.approved", {"run_id": 7, "left_out": []}, "The command line approved the plan of run 7."),
        ("account:pat", "token.created", {"name": "ci", "role": "viewer", "site": None},
         "pat created the token “ci” (viewer, all sites)."),
        ("account:pat", "token.created", {"name": "ci", "role": "viewer", "site": "oslo"},
         "pat created the token “ci” (viewer, site oslo)."),
        ("sign-in", "sign_in.locked", {"address": "10.0.0.9", "account": ""},
         "Sign-in from 10.0.0.9 was locked after too many failed attempts."),
        ("account:pat", "of.a_newer_version", {}, "pat: of.a_newer_version."),
        ("anna", "run.approved", {}, "anna: run.approved."),
        ("account:pat", "site.removed", {"runs": 3}, "pat removed the site default."),
    ],
)  # fmt: skip
def test_an_entry_says_who_did_what_to_what(
    actor: str, action: str, details: dict[str, object], sentence: str
) -> None:
    assert audit_sentence("default", actor, action, details) == sentence


def test_changes_of_settings_are_shown_by_label_and_those_of_older_entries_without_values() -> None:
    details = {"section": "limits", "fields": ["removals"], "version": 4}
    assert audit_changes(details) == [("Deletions", None, None)]
    with_values = audit_changes(details | {"changes": [["removals", "5", "9"]], "changes_in_all": 3})
    assert [str(change_in_words(change)) for change in with_values] == ["Deletions: 5 → 9", "2 more changes"]
    assert audit_changes({"entries": 3}) == []
