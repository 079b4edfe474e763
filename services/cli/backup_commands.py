"""Commands that write a backup and bring it back."""

from pathlib import Path
from typing import Annotated

import typer

from services.api.operations.use_cases import backup as backups
from services.api.operations.use_cases import backup_file
from services.api.operations.use_cases.restore import restore as bring_back
from services.cli.options import ACTOR, deployment_of, read_text
from services.cli.output import moment, say

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File that holds the passphrase; - is standard input. Asked for if not given.",
    ),
]


def backup(
    command: typer.Context,
    file: Annotated[Path, typer.Argument(help="Output file, readable only by its owner.")],
    passphrase_file: PassphraseFile = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Overwrite an existing file.")] = False,
) -> None:
    """Write settings, secrets, bindings, accounts, tokens and sites to one file that a passphrase protects."""
    context = deployment_of(command)
    passphrase = _passphrase(passphrase_file, is_new=True)
    backup_file.check_passphrase(passphrase)
    content = backups.collect(context, ACTOR)
    size = backup_file.write(file, content, passphrase, overwrite=overwrite)
    (head,) = content.pop(backups.AUDIT_HEAD)
    sentence = ", ".join(f"{len(rows)} {name}" for name, rows in content.items())
    say(f"{file} holds {sentence} ({size:,} bytes). It cannot be read without the passphrase.")
    say(f"Head of the audit: {head or 'none yet'}")


def restore(
    command: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `rollcall backup` wrote.")],
    passphrase_file: PassphraseFile = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite the existing configuration and links.")
    ] = False,
) -> None:
    """Restore a backup completely, or change nothing."""
    passphrase = _passphrase(passphrase_file, is_new=False)
    header, content = backup_file.read(file, passphrase)
    head = next(iter(content.get(backups.AUDIT_HEAD) or [""]), "") if isinstance(content, dict) else ""
    made = bring_back(deployment_of(command), backups.parse(content), ACTOR, replace=replace)
    say(
        f"Restored from {moment(header.made_at)}: {made.sites} sites, {made.settings} sections of settings, "
        f"{made.bindings} bindings, {made.accounts} accounts, {made.tokens} tokens. `rollcall plan` shows "
        "what a run "
        "would do now."
    )
    if head:
        say(f"Head of the audit at the time of the backup: {head}")


def _passphrase(file: Path | None, *, is_new: bool) -> str:
    if file is not None:
        return read_text(file).rstrip("\r\n")
    given: str = typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=is_new)
    return given
