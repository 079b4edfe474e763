"""Commands about notifications: what was sent or could not be, and tests of the channels."""

from typing import Annotated

import typer

from services.api.connections.use_cases import questions
from services.api.notifications import use_cases
from services.api.notifications.schemas import MessageOut
from services.cli.deployment import workers_where_embedded
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import moment, print_json, report, table
from shared.domain.notifying import SYSLOG, Channel, MessageState

app = typer.Typer(no_args_is_help=True, help="Notifications: list, send again, test a channel.")
Id = Annotated[int, typer.Argument(help="The number of the message, from `rollcall notifications list`.")]


@app.command("list")
def list_notifications(
    command: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that could not be sent.")] = False,
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """List the newest messages and their state."""
    wanted = MessageState.FAILED if failed else None
    found = use_cases.list_messages(deployment_of(command), site, wanted)
    if as_json:
        print_json([MessageOut.model_validate(row) for row in found])
        return
    rows = [
        (str(row.id), moment(row.created_at), row.channel, row.state, row.title, row.error_message or "") for row in found
    ]  # fmt: skip
    table(
        "Notifications", ("id", "time", "channel", "state", "title", "error"), rows, "No notifications match."
    )


@app.command("retry")
def retry(command: typer.Context, message: Id, as_json: AsJson = False, site: Site = DEFAULT_SITE) -> None:
    """Send a failed message again."""
    row = use_cases.send_again(deployment_of(command), site, message, ACTOR)
    report(
        MessageOut.model_validate(row), f"Message {row.id} is sent again by {row.channel}.", as_json=as_json
    )


@app.command("discard")
def discard(command: typer.Context, message: Id, as_json: AsJson = False, site: Site = DEFAULT_SITE) -> None:
    """Discard a failed message."""
    row = use_cases.discard(deployment_of(command), site, message, ACTOR)
    report(MessageOut.model_validate(row), f"Message {row.id} was discarded.", as_json=as_json)


@app.command("test")
def try_channel(
    command: typer.Context,
    channel: Annotated[str, typer.Argument(help=f"One of {', '.join([*Channel, SYSLOG])}.")],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Send a test message with the stored settings."""
    if channel not in (known := [*Channel, SYSLOG]):
        raise typer.BadParameter(f"There is no channel '{channel}'. Choose one of {', '.join(known)}.")
    context = deployment_of(command)
    with workers_where_embedded(context):
        answer = questions.test_channel(context, site, channel, actor=ACTOR)
    report(answer, f"{answer['sent_to']} has taken the test message.", as_json=as_json)
