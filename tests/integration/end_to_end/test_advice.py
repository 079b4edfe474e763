"""What should be mended in time although all went well: in the Log, but not with every run; and on the overview."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from services.api.overview.queries import read_overview
from shared.database.tables import Event
from tests.integration.end_to_end.conftest import Ends
from tests.support.site import SITE


def test_advice_is_logged_once_a_week_and_stands_on_the_overview_until_it_is_followed(ends: Ends) -> None:
    unit = ends.office.unit("Staff")
    ends.office.hire(unit, "ada", "201")
    servers = ends.office.settings([unit])["servers"]
    ends.configure([unit], directory={"servers": ["127.0.0.1:9", *servers]})
    for _ in range(2):
        ends.settle()
    (advice,) = ends.site.log("run.advice")
    assert "127.0.0.1:9: the connection was refused" in advice
    context = ends.site.context
    assert read_overview(context, SITE).directories[""].advice == (advice,)

    with context.database.begin() as session:
        a_week_ago = datetime.now(UTC) - timedelta(days=7, seconds=1)
        session.execute(update(Event).where(Event.code == "run.advice").values(occurred_at=a_week_ago))
    ends.settle()
    assert ends.site.log("run.advice") == [advice, advice]

    ends.configure([unit], directory={"servers": servers})
    ends.settle()
    found = read_overview(context, SITE).directories[""]
    assert (found.is_well, found.advice) == (True, ())
    assert len(ends.site.log("run.advice")) == 2
