"""Sites on the wire."""

from datetime import datetime

from pydantic import Field

from services.api.web.schemas import Answer, Request, example

_SITE = {"id": "default", "name": "Head office", "created_at": "2026-11-23T08:00:00Z", "hold": None}
_HOLD = {
    "by": "token:monitoring",
    "since": "2026-11-30T08:00:00Z",
    "reason": "The phone system is being moved.",
}


class HoldOut(Answer):
    """Who holds a site, since when and why."""

    model_config = example(**_HOLD)
    by: str
    since: datetime
    reason: str


class Holding(Request):
    """Why a site is held, if anyone wants to say."""

    model_config = example(reason="The phone system is being moved.")
    reason: str = Field("", max_length=500)


class SiteOut(Answer):
    """One directory, one phone system, one schedule."""

    model_config = example(**_SITE)
    id: str
    name: str
    created_at: datetime
    hold: HoldOut | None = Field(description="Set while nothing is executed at the site.")


class SiteList(Answer):
    """All sites."""

    model_config = example(items=[_SITE])
    items: list[SiteOut]


class NewSite(Request):
    """A site to be made."""

    model_config = example(id="oslo", name="Oslo")
    id: str = Field(
        description="1 to 60 lower-case letters, digits and hyphens.",
        # Told in the description of the API, and checked where a sentence says what is wrong.
        json_schema_extra={"pattern": "^[a-z0-9][a-z0-9-]{0,59}$"},
    )
    name: str = Field("", max_length=200)


class SiteRemoved(Answer):
    """What went with a removed site."""

    model_config = example(id="oslo", runs=41, events=390, bindings=55, tokens=1)
    id: str
    runs: int
    events: int
    bindings: int
    tokens: int
