"""People and their extensions: what is known of one, links, countdowns, unfinished steps, templates, welcome messages."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.api.access.bearer import ActorDep
from services.api.log.schemas import EventOut
from services.api.people.queries import PeopleFilter, PeopleOrder
from services.api.people.schemas.links import Extend, GraceList, GraceOut, LinkOut, NewLink, OwedList, OwedOut
from services.api.people.schemas.people import ExplanationOut, PeopleOut, PersonOut, RollEntryOut
from services.api.people.schemas.templates import (
    ComparedOut,
    TemplateComparison,
    WelcomeList,
    WelcomeRequest,
    WelcomeSent,
    WriteAgainOut,
    WriteAgainRequest,
)
from services.api.people.use_cases import bindings, grace, owed, roll, templates, welcome
from services.api.people.use_cases.explain import explain
from services.api.runs.schemas import CommandOut
from services.api.web.dependencies import ContextDep, Limit, SiteId
from services.api.web.documented import documented
from services.api.web.large_answers import written
from shared.roll.entry import RollState

router = APIRouter(prefix="/sites/{site_id}", tags=["people"], responses=documented(404))
PersonText = Annotated[
    str, Path(max_length=2048, description="objectGUID, number, name, login, e-mail address or DN.")
]
Leaver = Annotated[
    str, Path(max_length=300, description="Number of the extension, objectGUID or name of the person.")
]
Number = Annotated[str, Path(max_length=20, description="The number of the extension.")]


@router.get(
    "/people/{person:path}/explain", summary="Why a person's extension is as it is", responses=documented(409)
)
def explain_person(
    context: ContextDep,
    site_id: SiteId,
    person: Annotated[
        str, Path(max_length=2048, description="objectGUID, login, e-mail address, number, name or DN.")
    ],
) -> ExplanationOut:
    """Directory entry, binding, commands, findings and Log entries of a person, in sentences."""
    return ExplanationOut.model_validate(explain(context, site_id, person))


@router.get("/people", summary="People and extensions as they are now", response_model=PeopleOut)
def list_people(
    context: ContextDep,
    site_id: SiteId,
    text: Annotated[
        str,
        Query(
            max_length=200, description="Beginnings of words of name, number, login, e-mail or objectGUID."
        ),
    ] = "",
    state: RollState | None = None,
    unit: Annotated[str | None, Query(max_length=2048, description="DN of an OU of the settings.")] = None,
    department: Annotated[str | None, Query(max_length=300)] = None,
    differs: Annotated[bool, Query(description="Only those that 3CX shows otherwise.")] = False,
    sort: PeopleOrder = PeopleOrder.NAME,
    limit: Limit = 100,
    after: Annotated[
        str | None, Query(max_length=500, description="The next_after of the page before.")
    ] = None,
) -> Response:
    """One row for each person, with the extension linked to them, and for each extension that nobody is linked to. As of
    the last full run and what was executed since; people who are gone are kept as long as the Log.
    """
    chosen = PeopleFilter(text, state, unit, department, differs or None)
    return written(PeopleOut.of(roll.list_people(context, site_id, chosen, sort, limit, after)))


@router.get("/people/{holder}", summary="One person or extension with its history")
def read_person(
    context: ContextDep,
    site_id: SiteId,
    holder: Annotated[
        str,
        Path(
            max_length=120, description="objectGUID; of an extension that is nobody's “extension” and its id."
        ),
    ],
) -> PersonOut:
    """The row with what the Log and the runs tell of it."""
    found = roll.one_row(context, site_id, holder)
    return PersonOut(
        entry=RollEntryOut.of(found.row, found.read_at),
        events=[EventOut.model_validate(entry) for entry in found.events],
        commands=[CommandOut.model_validate(row) for row in found.commands],
    )


@router.delete(
    "/bindings/{person:path}", summary="End the link of a person to an extension", responses=documented(409)
)
def release_binding(context: ContextDep, actor: ActorDep, site_id: SiteId, person: PersonText) -> LinkOut:
    """End it in Rollcall; nothing is changed on the phone system. Answers with the link that there was."""
    return LinkOut.model_validate(bindings.release(context, site_id, person, actor))


@router.put("/bindings/{person:path}", summary="Link a person to an extension", responses=documented(409))
def set_binding(
    context: ContextDep, actor: ActorDep, site_id: SiteId, person: PersonText, body: NewLink
) -> LinkOut:
    """Link a person of the directory to an extension of the newest reading that is linked to nobody else."""
    return LinkOut.model_validate(bindings.bind(context, site_id, person, body.number, actor))


@router.get("/graces", summary="Extensions that are disabled and wait for their deletion")
def list_graces(context: ContextDep, site_id: SiteId) -> GraceList:
    """Every one, the next deletion first."""
    return GraceList(items=[GraceOut.model_validate(row) for row in grace.list_graces(context, site_id)])


@router.post("/graces/{person}/extend", summary="Put a deletion off until a day", responses=documented(409))
def extend_grace(
    context: ContextDep, actor: ActorDep, site_id: SiteId, person: Leaver, body: Extend
) -> GraceOut:
    """Keep the extension until then, whatever the rules say."""
    return GraceOut.model_validate(grace.extend(context, site_id, person, body.until, actor))


@router.post("/graces/{person}/keep", summary="Stop a countdown", responses=documented(409))
def keep_grace(context: ContextDep, actor: ActorDep, site_id: SiteId, person: Leaver) -> GraceOut:
    """Leave the extension disabled and do not delete it, until this is resumed or the person returns."""
    return GraceOut.model_validate(grace.keep(context, site_id, person, actor))


@router.post("/graces/{person}/resume", summary="Go by the rules again", responses=documented(409))
def resume_grace(context: ContextDep, actor: ActorDep, site_id: SiteId, person: Leaver) -> GraceOut:
    """Take back what was decided by hand; the days count from when the extension was disabled."""
    return GraceOut.model_validate(grace.resume(context, site_id, person, actor))


@router.get("/owed-steps", summary="Extensions that are not finished")
def list_owed_steps(context: ContextDep, site_id: SiteId) -> OwedList:
    """Every extension that was created and is not finished, with what 3CX said last."""
    rows = owed.list_owed(context, site_id)
    return OwedList(items=[OwedOut.model_validate(row) for row in rows])


@router.delete("/owed-steps/{number}", summary="Drop the unfinished steps of an extension")
def give_up_owed_steps(context: ContextDep, actor: ActorDep, site_id: SiteId, number: Number) -> OwedOut:
    """Leave the extension as it is in 3CX. Answers with what was owed."""
    return OwedOut.model_validate(owed.give_up(context, site_id, number, actor))


@router.post("/owed-steps/{number}/retry", summary="Let the next run try again")
def retry_owed_steps(context: ContextDep, actor: ActorDep, site_id: SiteId, number: Number) -> OwedOut:
    """Let the next run finish an extension although 3CX refused a step."""
    return OwedOut.model_validate(owed.try_again(context, site_id, number, actor))


@router.get(
    "/template-comparison", summary="How extensions differ from their templates", responses=documented(503)
)
def compare_with_templates(
    context: ContextDep,
    site_id: SiteId,
    unit: Annotated[
        str, Query(max_length=2048, description="Distinguished name of one unit; all when empty.")
    ] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="How many extensions to leave out.")] = 0,
    limit: Annotated[
        int, Query(ge=1, le=templates.MOST, description="How many to compare.")
    ] = templates.MOST,
) -> TemplateComparison:
    """Read extensions and templates from 3CX now and compare them. Nothing is changed."""
    page = templates.compare(context, site_id, unit, offset, limit)
    return TemplateComparison(
        items=[ComparedOut.model_validate(item) for item in page.items], total=page.total
    )


@router.post(
    "/template-comparison/write-again",
    summary="Write the settings of templates again",
    responses=documented(409),
)
def write_templates_again(
    context: ContextDep, actor: ActorDep, site_id: SiteId, body: WriteAgainRequest
) -> WriteAgainOut:
    """Let the next run write the template's settings again to these extensions."""
    return WriteAgainOut(numbers=templates.write_again(context, site_id, body.numbers, actor))


@router.post("/welcome-messages", summary="Send welcome messages again")
def send_welcome_messages(
    context: ContextDep, actor: ActorDep, site_id: SiteId, body: WelcomeRequest
) -> WelcomeList:
    """Let 3CX mail its welcome message to people who are linked to these extensions."""
    sent = welcome.send(context, site_id, body.numbers, actor)
    return WelcomeList(items=[WelcomeSent.model_validate(item) for item in sent])
