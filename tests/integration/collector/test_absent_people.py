"""Who has an extension but was read in no unit: deleted, moved, or to be left alone."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.collector.snapshot import snapshot_unit
from shared.database.tables import BindingRow, PartState
from shared.domain.person import AbsentPerson
from tests.integration.collector.collecting import SITE, Collecting
from tests.support.office import Office


def _bind(site: Collecting, guids: Iterable[str]) -> None:
    with site.context.database.begin() as session:
        for index, guid in enumerate(guids, start=1):
            session.add(
                BindingRow(
                    site_id=SITE,
                    person_guid=guid,
                    extension_id=index,
                    number=str(200 + index),
                    origin="created",
                    updated_at=datetime.now(UTC),
                )
            )


def test_deleted_moved_and_present_people_are_told_apart(site: Collecting, office: Office) -> None:
    inside, outside = office.unit("Inside"), office.unit("Outside")
    guids = {}
    for login in ("stays", "moves", "deleted", "leaves"):
        dn = office.hire(inside, login, company="Example")
        guids[login] = office.guid(dn)
        if login == "moves":
            moved = office.move(dn, outside)
        elif login == "deleted":
            office.delete(dn)
        elif login == "leaves":
            left = dn
            office.change(dn, company="Other")
    never = str(uuid4())
    _bind(site, [*guids.values(), never])
    site.configure(office.settings([inside], filter="(company=Example)"))
    run_id = site.read()[0].run_id
    assert site.locate(run_id) == {
        guids["moves"]: AbsentPerson(guids["moves"], True, moved),
        guids["deleted"]: AbsentPerson(guids["deleted"], False),
        guids["leaves"]: AbsentPerson(guids["leaves"], True, left),
        never: AbsentPerson(never, False),
    }


def test_somebody_who_moved_between_two_units_while_they_were_read_is_not_stated(
    site: Collecting, office: Office
) -> None:
    first, second = office.unit("First"), office.unit("Second")
    dn = office.hire(second, "mover")
    guid = office.guid(dn)
    _bind(site, [guid])
    site.configure(office.settings([first, second]))
    one, two = site.units(site.start())
    snapshot_unit(site.context, one.id)
    office.move(dn, first)
    snapshot_unit(site.context, two.id)
    assert [site.part(part.id).item_count for part in (one, two)] == [0, 0]
    assert site.locate(one.run_id) == {}


def test_somebody_put_back_before_the_question_is_not_stated(site: Collecting, office: Office) -> None:
    inside, outside = office.unit("Inside"), office.unit("Outside")
    dn = office.hire(outside, "back")
    _bind(site, [office.guid(dn)])
    site.configure(office.settings([inside]))
    (part,) = site.read()
    assert part.item_count == 0
    office.move(dn, inside)
    assert site.locate(part.run_id) == {}


def test_when_a_unit_failed_nobody_is_stated(site: Collecting, office: Office) -> None:
    inside = office.unit("Inside")
    _bind(site, [str(uuid4())])
    site.configure(office.settings([inside, f"OU=Gone,{office.root}"]))
    good, failed = site.read()
    assert (good.state, failed.state) == (PartState.COMPLETE, PartState.FAILED)
    assert site.locate(good.run_id) == {}


def test_the_absent_are_not_looked_for_while_a_unit_is_still_to_be_read(
    site: Collecting, office: Office
) -> None:
    _bind(site, [str(uuid4())])
    site.configure(office.settings([office.root]))
    run_id = site.start()
    with pytest.raises(AssertionError):
        site.locate(run_id)


@pytest.mark.parametrize("count", [120])
def test_many_are_looked_for_in_batches_and_each_is_stated(
    site: Collecting, office: Office, count: int
) -> None:
    outside = office.unit("Outside")
    office.domain.load("".join(office.account(outside, f"m{index}") for index in range(count // 2)))
    moved = set(office.guids().values())
    deleted = {str(uuid4()) for _ in range(count // 2)}
    _bind(site, sorted(moved | deleted))
    site.configure(office.settings([office.unit("Inside")]))
    absent = site.locate(site.read()[0].run_id)
    assert {guid for guid, person in absent.items() if person.found} == moved
    assert {guid for guid, person in absent.items() if not person.found} == deleted
