"""Commands about settings: write them to a file, apply a file, give a secret, test both ends."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from services.api.connections.use_cases import questions
from services.api.operations.use_cases.doctor_of_sites import order_of
from services.api.settings.use_cases import directories
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import workers_where_embedded
from services.cli.options import ACTOR, DEFAULT_SITE, FAILED, AsJson, Site, deployment_of, read_text
from services.cli.output import console, print_json, say
from services.cli.settings_file import parse, render
from services.cli.settings_table import describe
from shared.certificates import Presented, can_be_trusted, chain_of, with_trust
from shared.errors import CertificateRejected, RollcallError, SettingsInvalid, StorageUnavailable
from shared.settings.candidate import secret_fields
from shared.settings.documents import Section
from shared.worker.context import Context

app = typer.Typer(no_args_is_help=True, help="Read and change the settings of a site.")


class End(StrEnum):
    """What can be tested."""

    DIRECTORY = "directory"
    PHONE_SYSTEM = "phone-system"
    RELAY = "relay"


@app.command()
def export(
    command: typer.Context,
    file: Annotated[Path, typer.Argument(help="Output file; - is standard output.")] = Path("-"),
    site: Site = DEFAULT_SITE,
) -> None:
    """Write all settings without their secrets as YAML."""
    text = render(site, settings.export_settings(deployment_of(command), site))
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageUnavailable(
            f"{file} cannot be written ({error.strerror}). Choose another place."
        ) from error
    say(f"Settings of site '{site}' written to {file}.")


@app.command()
def apply(
    command: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file as `export` writes it; - is standard input.")],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Apply a YAML file of settings: all of it, or nothing if a value is wrong."""
    sections = parse(read_text(file), "Standard input" if str(file) == "-" else str(file))
    changed = settings.apply_settings(deployment_of(command), site, sections, ACTOR)
    if as_json:
        print_json({"changed": changed})
    elif changed:
        sentence = ", ".join(f"{section} (version {version})" for section, version in changed.items())
        say(f"Saved: {sentence.replace('_', ' ')}.")
    else:
        say("No changes.")


@app.command()
def secret(
    command: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="E.g. directory.password, phone_system.client_secret or directories.emea.example.password."
        ),
    ],
    site: Site = DEFAULT_SITE,
) -> None:
    """Store a secret, asked for without showing it, or read from standard input when that is no terminal."""
    known = _secrets(deployment_of(command), site)
    store = known.get(name.casefold())
    if store is None:
        raise SettingsInvalid(f"There is no secret '{name[:80]}'. The secrets are {', '.join(known)}.")
    store(typed(name))
    say(f"{name} is stored, encrypted.")


@app.command("describe")
def describe_settings() -> None:
    """Print every setting with its default and meaning, as Markdown."""
    typer.echo(describe(), nl=False)


def try_ends(
    command: typer.Context,
    end: Annotated[
        End | None, typer.Argument(help="What to test. By default everything that is configured.")
    ] = None,
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
    show_certificate: Annotated[
        bool,
        typer.Option("--show-certificate", help="Show the certificate that is not trusted, to be compared."),
    ] = False,
    trust: Annotated[
        str,
        typer.Option(
            metavar="FINGERPRINT",
            help="Trust the shown certificate with this SHA-256 fingerprint. Asks for its password or secret again.",
        ),
    ] = "",
    directory: Annotated[
        str, typer.Option(metavar="NAME", help="Only this one of the other directories of the site.")
    ] = "",
) -> None:
    """Test directory, phone system and relay with the stored settings. Says why one does not work."""
    context = deployment_of(command)
    if trust:
        _trust(context, site, End.DIRECTORY if directory else end, trust, directory)
    asked: dict[End, Callable[..., Any]] = {
        End.DIRECTORY: questions.test_directory,
        End.PHONE_SYSTEM: questions.test_phone_system,
        End.RELAY: questions.test_relay,
    }
    stored = context.site_settings(site).settings
    ends = [end] if end else [name for name in End if name is not End.RELAY or stored.relay.is_configured]
    questions_to_ask = [(name.value, asked[name]) for name in ends]
    others = [directory] if directory else [other.name for other in stored.directories.others]
    questions_to_ask = [] if directory else questions_to_ask
    if directory or End.DIRECTORY in ends:
        questions_to_ask += [
            (f"directory {name}", partial(questions.test_directory, directory=name)) for name in others
        ]
    answers: dict[str, Any] = {}
    is_failed = False
    with workers_where_embedded(context):
        for title, ask in questions_to_ask:
            try:
                answer = ask(context, site, actor=ACTOR)
                # A relay may answer and say that its host cannot be worked with.
                is_usable = answer.get("is_usable", True)
                answers[title] = {"ok": is_usable} | answer
                is_failed |= not is_usable
            except RollcallError as error:
                is_failed = True
                answers[title] = {"ok": False, "code": error.code, "message": error.message}
                if show_certificate and can_be_trusted(error.details.get("verify_code")):
                    shown = chain_of(str(error.details.get("presented") or ""))
                    answers[title]["certificates"] = [_certificate(item) for item in shown]
    if as_json:
        print_json(answers)
    else:
        for title, answer in answers.items():
            _show(title.replace("-", " "), answer)
    if is_failed:
        raise typer.Exit(FAILED)


_SECRETS = {
    End.DIRECTORY: (Section.DIRECTORY, "password"),
    End.PHONE_SYSTEM: (Section.PHONE_SYSTEM, "client_secret"),
}


def _trust(context: Context, site: str, end: End | None, sha256: str, directory: str = "") -> None:
    """Store the certificate that the end shows and that has this fingerprint as trusted; ``directory`` is one of the others.

    :raises SettingsInvalid: the end is none with a certificate, or shows none with that fingerprint.
    """
    if end not in _SECRETS:
        raise SettingsInvalid("Name the end whose certificate is to be trusted: directory or phone-system.")
    section, secret = _SECRETS[end]
    named = f"{end.value} {directory}".strip()
    of_directory = partial(questions.test_directory, directory=directory)
    ask = of_directory if end is End.DIRECTORY else questions.test_phone_system
    try:
        with workers_where_embedded(context):
            ask(context, site, actor=ACTOR)
    except CertificateRejected as error:
        if directory:
            values, version = directories.read_directory(context, site, directory)
        else:
            values, version = settings.read_section(context, site, section)
        shown = chain_of(str(error.details.get("presented") or ""))
        trusted = with_trust(str(values["ca_certificate"] or ""), sha256, shown)
        if trusted is None or not can_be_trusted(error.details.get("verify_code")):
            raise SettingsInvalid(
                f"The {named} shows no certificate with this fingerprint that would be accepted. Nothing was "
                f"changed. `rollcall test {end.value} --show-certificate` shows what there is."
            ) from error
        # What is stored goes nowhere else without being typed again, and this says who is on the other side.
        values |= {"ca_certificate": trusted, secret: typed(f"{section.value}.{secret}")}
        if directory:
            directories.replace_directory(context, site, directory, values, ACTOR, version)
        else:
            settings.replace_section(context, site, section, values, ACTOR, version)
        say(f"The certificate of the {named} is trusted.")
    else:
        say(f"The certificate of the {named} is trusted already.")


def typed(name: str) -> str:
    """A secret, asked for without showing it, or read from standard input when that is no terminal."""
    stdin = typer.get_text_stream("stdin")
    given: str = typer.prompt(name, hide_input=True) if stdin.isatty() else stdin.readline().rstrip("\r\n")
    return given


def _certificate(shown: Presented) -> dict[str, Any]:
    return {
        "names": list(shown.names),
        "issuer": shown.issuer,
        "valid_until": shown.valid_until.isoformat(),
        "sha256": shown.sha256,
        "sha1": shown.sha1,
        "is_authority": shown.is_authority,
    }


def _show(title: str, answer: dict[str, Any]) -> None:
    if "message" in answer:
        console().print(f"[red]✗ {title}[/]: ", end="")
        console().print(f"{answer['message']} ({answer['code']})", markup=False, soft_wrap=True)
        for shown in answer.get("certificates", ()):
            kind = "authority" if shown["is_authority"] else "certificate"
            text = f"{kind} for {', '.join(shown['names'])}, issued by {shown['issuer']}, valid until {shown['valid_until'][:10]}"
            console().print(f"  {text}", markup=False, soft_wrap=True)
            console().print(f"    SHA-256 {shown['sha256']}", markup=False, soft_wrap=True)
            console().print(f"    SHA-1   {shown['sha1']}", markup=False, soft_wrap=True)
        return
    console().print(f"[green]✓ {title}[/]" if answer["ok"] else f"[red]✗ {title}[/]")
    for name, value in answer.items():
        if name in ("warnings", "problems"):
            for warning in value:
                console().print(f"  ! {warning}", style="yellow", markup=False, soft_wrap=True)
        elif name in ("saw", "is_limit_known"):
            continue
        elif name == "controllers":
            if asked := order_of(value).strip():
                console().print(f"  {asked}", markup=False, soft_wrap=True)
        elif name == "units":
            for unit in value:
                console().print(f"  {unit['dn']}: {unit['people']} people", markup=False, soft_wrap=True)
        elif name != "ok" and (value is not None or name == "max_extensions"):
            limit = "no limit" if answer.get("is_limit_known", True) else "3CX does not say"
            console().print(f"  {name.replace('_', ' ')}: {limit if value is None else value}", markup=False)


def _secrets(context: Context, site: str) -> Mapping[str, Callable[[str], int]]:
    """Each secret of the site by its name, and what stores another value."""

    def _of_section(section: Section, field: str, value: str) -> int:
        values, version = settings.read_section(context, site, section)
        return settings.replace_section(context, site, section, values | {field: value}, ACTOR, version)

    def _of_directory(name: str, value: str) -> int:
        values, version = directories.read_directory(context, site, name)
        return directories.replace_directory(
            context, site, name, values | {"password": value}, ACTOR, version
        )

    others = context.site_settings(site).settings.directories.others
    return {
        f"{section.value}.{field}": partial(_of_section, section, field)
        for section in Section
        for field in secret_fields(section)
    } | {f"directories.{item.name}.password".casefold(): partial(_of_directory, item.name) for item in others}
