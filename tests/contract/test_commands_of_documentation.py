"""Every command of Rollcall in README.md and docs/ is one of its commands, with options that it has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.main import app

ROOT = Path(__file__).parents[2]
_LEFT_OUT = {"BadOptionUsage", "MissingParameter", "NoArgsIsHelpError"}
_COMMAND = re.compile(
    r"^(?:[$#] )?(?:sudo |\.venv/bin/|/opt/rollcall/bin/|kubectl .*-- |docker compose exec \w+ )?rollcall (?!up\b.*\|)(.+)$"
)


def _commands() -> Iterator[tuple[str, str]]:
    """Each command by its page: lines of code, and code within a sentence."""
    for page in (
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs/de").glob("*.md")),
    ):
        text = page.read_text(encoding="utf-8")
        lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
        lines += [
            line.strip()
            for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()
        ]
        lines += re.findall(r"`(rollcall [^`\n]+)`", text)
        for line in lines:
            if found := _COMMAND.match(line):
                yield page.name, re.split(r"\s+#|[;|>]|&&|\.\.\.", found[1])[0].strip()


def _parse(command: Any, name: str, words: list[str]) -> None:
    """Parse as the command line does, without calling anything."""
    made = command.make_context(name, list(words), resilient_parsing=False)
    rest = [*getattr(made, "_protected_args", ()), *made.args]
    if hasattr(command, "commands") and rest:
        child = command.commands.get(rest[0])
        assert child is not None, f"{name} has no command {rest[0]}"
        _parse(child, rest[0], rest[1:])


@pytest.mark.parametrize(("page", "line"), sorted(set(_commands())))
def test_a_command_of_the_documentation_is_understood(page: str, line: str) -> None:
    # What stands for a value is a number, which most of what is asked for may be.
    words = [
        "1" if re.fullmatch(r"[A-Z][A-Z_-]*", word) else word
        for word in shlex.split(re.sub(r"\$\([^)]*\)", "1", line))
    ]
    if words[0] == "--data":
        words = words[2:]
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if words and words[0] not in ("sandbox", "--help", "--version"):
        try:
            _parse(commands[words[0]], words[0], words[1:])
        except Exception as error:
            # A sentence may name a command without what follows; an option that is not there is another matter.
            if type(error).__name__ not in _LEFT_OUT:
                raise
