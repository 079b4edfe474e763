"""Questions to the directory and the phone system, answered by the workers."""

from fastapi import APIRouter

from services.api.access.bearer import ActorDep
from services.api.connections.schemas.questions import (
    AttributeList,
    ChannelAnswer,
    ChannelQuestion,
    DirectoryAnswer,
    DirectoryQuestion,
    ExtensionChoice,
    ExtensionList,
    MappingAnswer,
    MappingQuestion,
    PhoneSystemAnswer,
    PhoneSystemQuestion,
    RelayAnswer,
    RelayQuestion,
    UnitList,
    UnitsQuestion,
)
from services.api.connections.use_cases import questions
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(prefix="/sites/{site_id}", responses=documented(404))


@router.post(
    "/directory/test", operation_id="testDirectory", summary="Test the directory", tags=["directory"]
)
def check_directory(
    context: ContextDep, site_id: SiteId, actor: ActorDep, body: DirectoryQuestion = DirectoryQuestion()
) -> DirectoryAnswer:
    """Connect, sign in and look at the units, with the stored settings or with those given."""
    return DirectoryAnswer.model_validate(
        questions.test_directory(context, site_id, body.values, actor, body.directory)
    )


@router.post(
    "/directory/organizational-units/browse", summary="Organizational units below one", tags=["directory"]
)
def browse_units(
    context: ContextDep, site_id: SiteId, actor: ActorDep, body: UnitsQuestion = UnitsQuestion()
) -> UnitList:
    """The units below a distinguished name, or below the domain."""
    return UnitList(
        items=questions.browse_units(context, site_id, body.base, body.values, actor, body.directory)
    )


@router.post("/directory/attributes", summary="Attributes of people", tags=["directory"])
def list_attributes(
    context: ContextDep, site_id: SiteId, actor: ActorDep, body: DirectoryQuestion = DirectoryQuestion()
) -> AttributeList:
    """The attributes that people in the directory can have, to choose number and department from."""
    return AttributeList(
        items=questions.list_attributes(context, site_id, body.values, actor, body.directory)
    )


@router.post("/directory/mapping/try", summary="Try an expression on real people", tags=["directory"])
def try_mapping(
    context: ContextDep, site_id: SiteId, actor: ActorDep, body: MappingQuestion
) -> MappingAnswer:
    """What a field would be for people of the units, before it is saved: how many get nothing, and who would share a number."""
    found = questions.try_mapping(
        context, site_id, body.field, body.expression, body.values, actor, body.directory
    )
    return MappingAnswer.model_validate(found)


@router.post(
    "/phone-system/test",
    operation_id="testPhoneSystem",
    summary="Test the phone system",
    tags=["phone system"],
)
def check_phone_system(
    context: ContextDep, site_id: SiteId, actor: ActorDep, body: PhoneSystemQuestion = PhoneSystemQuestion()
) -> PhoneSystemAnswer:
    """Sign in to 3CX and read its version and licence, with the stored settings or with those given."""
    return PhoneSystemAnswer.model_validate(questions.test_phone_system(context, site_id, body.values, actor))


@router.get("/phone-system/extensions", summary="Extensions to choose from", tags=["phone system"])
def list_extensions(context: ContextDep, site_id: SiteId) -> ExtensionList:
    """Number and name of each extension, to choose a template or the archive from."""
    found = questions.list_extensions(context, site_id)
    return ExtensionList(items=[ExtensionChoice.model_validate(item) for item in found])


@router.post("/relay/test", operation_id="testRelay", summary="Test the relay", tags=["relay"])
def check_relay(
    context: ContextDep, site_id: SiteId, actor: ActorDep, body: RelayQuestion = RelayQuestion()
) -> RelayAnswer:
    """Ask the relay on the phone system's host what it found there, with the stored settings or with those given."""
    return RelayAnswer.model_validate(questions.test_relay(context, site_id, body.values, actor))


@router.post(
    "/notifications/test",
    operation_id="testNotifications",
    summary="Send a test message",
    tags=["notifications"],
)
def check_channel(
    context: ContextDep, site_id: SiteId, actor: ActorDep, body: ChannelQuestion
) -> ChannelAnswer:
    """Send a test message by one channel, with the stored settings or with those given."""
    return ChannelAnswer.model_validate(
        questions.test_channel(context, site_id, body.channel, body.values, actor)
    )
