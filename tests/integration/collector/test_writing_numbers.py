"""Given numbers are written to a real domain controller, by an account that may write one attribute or none at all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from services.api.sites.use_cases.holding import hold_site, release_site
from services.collector import questions
from services.collector import write_numbers as write_numbers_module
from services.collector.active_directory import ActiveDirectory
from services.collector.write_numbers import write_numbers
from services.scheduler.due_runs import sweep
from shared.database import given_numbers
from shared.database.tables import AuditEntry, BindingRow, Event, GivenNumberRow
from shared.errors import AttributeOccupied, DirectoryUnavailable, LeaseHeld
from shared.work import leases
from tests.integration.collector.collecting import SITE, Collecting
from tests.support.delegation import delegate_writing
from tests.support.office import Office
from tests.support.samba import REALM, SambaDomain

PASSWORD = "Own-Password.0815"
NOW = datetime.now(UTC)


class Writer:
    """A site whose account may write ``ipPhone`` of the people in one unit, and of nobody in another."""

    def __init__(self, site: Collecting, office: Office, samba: SambaDomain) -> None:
        self.site, self.office = site, office
        self.mine, self.theirs = office.unit("Mine"), office.unit("Theirs")
        account = office.hire(office.unit("Accounts"), "writer")
        with samba.administrator() as connection:
            connection.extend.microsoft.modify_password(account, PASSWORD)
            office.change(account, userAccountControl="512")
            delegate_writing(connection, self.mine, "ipPhone", account)
        self.login = f"writer.{office.name.lower()}"[:20] + f"@{REALM.lower()}"
        self.configure("ipPhone")

    def configure(self, attribute: str | None) -> None:
        """Save the settings with this attribute."""
        reading = self.office.settings([self.mine, self.theirs], user=self.login, password=PASSWORD)
        self.site.configure(reading, rules={"write_back_attribute": attribute})

    def give(self, dn: str, number: str, *, is_linked: bool = True) -> str:
        """Give the person a number; its extension exists unless it is not linked. The objectGUID."""
        guid, name = self.office.guid(dn), dn.partition(",")[0][3:]
        with self.site.context.database.begin() as session:
            session.add(
                GivenNumberRow(
                    site_id=SITE,
                    number=number,
                    person_guid=guid,
                    person_name=name,
                    given_at=NOW,
                    write_to="ipPhone",
                )
            )
            if is_linked:
                session.add(
                    BindingRow(
                        site_id=SITE, person_guid=guid, extension_id=int(number), number=number, origin="created",
                        person_name=name, updated_at=NOW,
                    )
                )  # fmt: skip
        return guid

    def write(self) -> None:
        """What a worker does; what waits for a later try is tried now."""
        with self.site.context.database.begin() as session:
            session.execute(update(GivenNumberRow).values(write_again_at=None))
        write_numbers(self.site.context, SITE)

    def session(self) -> ActiveDirectory:
        """A session with the settings of the site."""
        return ActiveDirectory(self.site.settings().directory)

    def row(self, number: str) -> GivenNumberRow:
        """What is remembered of the number."""
        with self.site.context.database.read() as session:
            return session.get_one(GivenNumberRow, (SITE, number))

    def owed(self) -> list[str]:
        """The numbers that still are to be written."""
        with self.site.context.database.read() as session:
            return [item.number for item in given_numbers.unwritten(session, SITE)]

    def log(self, code: str) -> list[str]:
        """What the Log says with this code."""
        with self.site.context.database.read() as session:
            return list(session.scalars(select(Event.message).where(Event.code == code).order_by(Event.id)))

    def audit(self) -> list[dict[str, Any]]:
        """What was written to the directory, as the audit has it."""
        with self.site.context.database.read() as session:
            wanted = select(AuditEntry.details).where(AuditEntry.action == "directory.number_written")
            return list(session.scalars(wanted))

    def held(self, dn: str, attribute: str = "ipPhone") -> list[str]:
        """What the directory has."""
        with self.office.domain.administrator() as connection:
            client: Any = connection
            client.search(dn, "(objectClass=*)", "BASE", attributes=[attribute])
            values = client.response[0]["raw_attributes"].get(attribute, [])
        return [value.decode() for value in values]


@pytest.fixture
def writer(site: Collecting, office: Office, samba: SambaDomain) -> Writer:
    """Such a site."""
    return Writer(site, office, samba)


def test_nothing_is_written_while_the_site_is_held_and_what_is_left_as_soon_as_it_is_released(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (writer.office.hire(writer.mine, name) for name in ("anna", "ben"))
    writer.give(first, "231")
    writer.give(second, "232")
    hold_site(writer.site.context, SITE, "test")
    writer.write()
    assert (writer.held(first), writer.held(second)) == ([], [])
    release_site(writer.site.context, SITE, "test")
    put = write_numbers_module._put

    def _held_meanwhile(*arguments: Any) -> tuple[str, bool]:
        hold_site(writer.site.context, SITE, "test")
        return put(*arguments)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(write_numbers_module, "_put", _held_meanwhile)
        writer.write()
    assert (writer.held(first), writer.held(second)) == (["231"], [])
    release_site(writer.site.context, SITE, "test")
    writer.write()
    assert (writer.held(second), writer.owed()) == (["232"], [])


def test_a_number_is_written_once_its_extension_exists_and_log_and_audit_say_so(writer: Writer) -> None:
    dn = writer.office.hire(writer.mine, "anna")
    guid = writer.give(dn, "231", is_linked=False)
    writer.write()
    assert (writer.held(dn), writer.owed()) == ([], [])
    with writer.site.context.database.begin() as session:
        session.add(
            BindingRow(
                site_id=SITE, person_guid=guid, extension_id=1, number="231", origin="created", updated_at=NOW
            )
        )
    assert writer.owed() == ["231"]
    writer.write()
    assert (writer.held(dn), writer.owed(), writer.row("231").written_to) == (["231"], [], "ipPhone")
    assert writer.log("number.written") == [f"231 was written to ipPhone of anna in the directory ({dn})."]
    (noted,) = writer.audit()
    assert (noted["number"], noted["person"], noted["attribute"], noted["dn"]) == ("231", guid, "ipPhone", dn)
    # Cleared by somebody afterwards: that is theirs to decide.
    writer.office.change(dn, ipPhone=None)
    writer.write()
    assert writer.held(dn) == []


def test_a_readers_account_loses_nothing_and_says_what_is_missing(writer: Writer) -> None:
    mine, theirs = writer.office.hire(writer.mine, "anna"), writer.office.hire(writer.theirs, "bob")
    writer.give(theirs, "230")
    writer.give(mine, "231")
    writer.write()
    # One that may not be written keeps no other from being written.
    assert (writer.held(mine), writer.held(theirs), writer.owed()) == (["231"], [], ["230"])
    row = writer.row("230")
    assert (row.write_error_code, row.write_attempts) == ("insufficient_rights", 1)
    assert row.write_again_at is None or row.write_again_at > NOW
    (said,) = writer.log("number.not_written")
    assert "Number 230 (bob) could not be written to ipPhone" in said
    assert (
        f"{writer.login} may not write ipPhone. Grant it write access to only this attribute of people in the OU"
        in said
    )
    # Told once, tried again.
    writer.write()
    assert (len(writer.log("number.not_written")), writer.row("230").write_attempts) == (1, 2)
    with writer.office.domain.administrator() as connection:
        account = f"CN=writer,OU=Accounts,{writer.office.root}"
        delegate_writing(connection, writer.theirs, "ipPhone", account)
    writer.write()
    assert (writer.held(theirs), writer.owed()) == (["230"], [])


def test_the_delegated_right_is_for_that_attribute_alone(writer: Writer) -> None:
    dn = writer.office.hire(writer.mine, "anna")
    guid = writer.office.guid(dn)
    with writer.session() as directory:
        assert directory.may_write(guid, "ipPhone")
        assert not directory.may_write(guid, "telephoneNumber")
        assert not directory.may_write(
            writer.office.guid(writer.office.hire(writer.theirs, "bob")), "ipPhone"
        )


def test_a_value_of_somebody_else_is_never_overwritten(writer: Writer) -> None:
    dn = writer.office.hire(writer.mine, "anna", ipPhone="999")
    writer.give(dn, "231")
    writer.write()
    assert (writer.held(dn), writer.owed()) == (["999"], ["231"])
    assert writer.row("231").write_error_code == "attribute_occupied"
    assert (
        f"ipPhone of {dn} has '999', which Rollcall does not overwrite."
        in writer.log("number.not_written")[0]
    )
    # Nor one that is written between looking and writing: the controller refuses it.
    guid = writer.office.guid(dn)
    with (
        writer.session() as directory,
        pytest.raises(AttributeOccupied, match="changed by somebody else at the same time"),
    ):
        directory.add_value(guid, "ipPhone", "231")
    assert writer.held(dn) == ["999"]
    writer.office.change(dn, ipPhone=None)
    writer.write()
    assert writer.held(dn) == ["231"]


def test_a_write_whose_answer_is_lost_is_read_back_and_not_repeated(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dn = writer.office.hire(writer.mine, "anna")
    writer.give(dn, "231")
    add_value, writes = ActiveDirectory.add_value, list[str]()

    def _unheard(directory: ActiveDirectory, guid: str, attribute: str, value: str) -> None:
        writes.append(value)
        add_value(directory, guid, attribute, value)
        raise DirectoryUnavailable("The connection was lost.", server=directory.server)

    monkeypatch.setattr(ActiveDirectory, "add_value", _unheard)
    writer.write()
    assert (writer.owed(), writer.row("231").write_error_code) == (["231"], "directory_unavailable")
    writer.write()
    assert (writes, writer.held(dn), writer.owed()) == (["231"], ["231"], [])
    assert writer.log("number.written") == [f"ipPhone of anna in the directory ({dn}) has 231."]


def test_a_worker_that_died_at_it_is_waited_for_and_then_followed(writer: Writer) -> None:
    dn = writer.office.hire(writer.mine, "anna")
    writer.give(dn, "231")
    database, name = writer.site.context.database, f"numbers of {SITE}"
    leases.take(database, name, "dead", 60)
    with pytest.raises(LeaseHeld):
        writer.write()
    # Its time is over.
    leases.take(database, name, "dead", -1)
    writer.write()
    assert writer.held(dn) == ["231"]


def test_somebody_who_is_gone_is_told_and_nothing_is_written_while_it_is_off(writer: Writer) -> None:
    dn = writer.office.hire(writer.mine, "anna")
    writer.give(dn, "231")
    writer.configure(None)
    writer.write()
    assert (writer.held(dn), writer.row("231").write_attempts) == ([], 0)
    writer.configure("ipPhone")
    writer.office.delete(dn)
    writer.write()
    assert writer.row("231").write_error_code == "not_found"


def test_the_sweep_asks_for_what_can_be_written_and_for_nothing_else(writer: Writer) -> None:
    context = writer.site.context
    before = sweep(context)
    writer.give(writer.office.hire(writer.mine, "anna"), "231")
    assert sweep(context) == before + 1
    writer.write()
    assert sweep(context) == before


def test_the_test_says_where_the_right_is_missing(writer: Writer) -> None:
    writer.office.hire(writer.mine, "anna")
    writer.office.hire(writer.theirs, "bob")
    said = questions.test_directory(writer.site.context, {"site_id": SITE})["warnings"]
    (missing,) = [text for text in said if "may not write" in text]
    assert f"may not write ipPhone of people in {writer.theirs}" in missing
    writer.configure(None)
    assert not any(
        "may not write" in text
        for text in questions.test_directory(writer.site.context, {"site_id": SITE})["warnings"]
    )
