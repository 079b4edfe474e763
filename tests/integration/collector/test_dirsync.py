"""DirSync as a real domain controller answers it, as the stand-in does, and in more answers than one."""

from collections.abc import Callable
from typing import Any

import pytest

from services.collector.active_directory import ActiveDirectory
from services.collector.reader import RawEntry
from services.collector.watching.asking import plain_dn
from services.collector.watching.dirsync import DirSync
from services.sandbox.directory import Directory, RunningDirectory, build_company
from shared.errors import RollcallError
from shared.settings.documents import DirectorySettings
from tests.support.office import Office
from tests.support.staff import directory_settings

ASKED = ("telephoneNumber", "userAccountControl", "isDeleted", "name", "parentGUID", "objectClass", "member")
WANTED = "(|(objectClass=user)(objectClass=organizationalUnit)(objectClass=group))"


class _StandIn:
    """The changes of an office, in the stand-in directory."""

    def __init__(self, directory: Directory, name: str) -> None:
        self._directory = directory
        self.root = directory.add_unit(name)
        self.change: Callable[..., Any] = lambda dn, **changes: directory.modify(dn, changes)
        self.rename, self.move, self.delete = directory.rename, directory.move, directory.delete
        self.disable = directory.disable

    def unit(self, name: str) -> str:
        return self._directory.add_unit(name, self.root)

    def hire(self, unit: str, login: str, number: str) -> str:
        attributes = {"objectClass": "user", "sAMAccountName": login, "telephoneNumber": number}
        return self._directory.add(f"CN={login},{unit}", attributes).dn


def _day(office: Office | _StandIn, settings: DirectorySettings) -> list[tuple[str, list[tuple[str, int]]]]:
    """What is told of each change, but for what the classes of an entry are: names of attributes and how many values."""
    told: list[tuple[str, list[tuple[str, int]]]] = []
    with ActiveDirectory(settings) as directory:
        dirsync = DirSync(directory.reader, directory.domain().base_dn, WANTED, ASKED)
        cookie = dirsync.since(b"").cookie

        def _tell() -> None:
            nonlocal cookie
            found = dirsync.since(cookie)
            cookie = found.cookie
            told.extend(sorted(_shape(entry) for entry in found.entries))

        unit, other = office.unit("Here"), office.unit("There")
        _tell()
        dn = office.hire(unit, "anna", "100")
        _tell()
        office.change(dn, telephoneNumber="200")
        _tell()
        office.change(dn, telephoneNumber=None)
        _tell()
        office.change(dn, department="Not asked for")
        _tell()
        dn = office.rename(dn, "anne")
        _tell()
        dn = office.move(dn, other)
        _tell()
        office.disable(dn)
        _tell()
        office.move(other, unit)
        _tell()
        office.delete(dn.replace(other, f"OU=There,{unit}"))
        _tell()
    return told


def _shape(entry: RawEntry) -> tuple[str, list[tuple[str, int]]]:
    asked = {name.lower() for name in ASKED}
    values = {
        name: min(len(values), 1)
        for name, values in entry.attributes.items()
        if name.partition(";")[0].lower() in asked
    }
    return plain_dn(entry.dn).split(",")[0].partition("\\0ADEL")[0], sorted(values.items())


@pytest.mark.samba
def test_the_stand_in_tells_of_changes_what_a_domain_controller_tells(office: Office) -> None:
    real = DirectorySettings.model_validate(office.settings([office.root]))
    company = build_company(1)
    stand_in = _StandIn(company, "Office")
    with RunningDirectory(company) as running:
        settings = DirectorySettings.model_validate(directory_settings(running, stand_in.root))
        assert _day(stand_in, settings) == _day(office, real)


def test_an_answer_in_parts_is_asked_for_to_its_end_and_changes_are_told_from_there() -> None:
    company = build_company(1_100)
    with RunningDirectory(company) as running:
        settings = DirectorySettings.model_validate(directory_settings(running, *company.units))
        with ActiveDirectory(settings) as directory:
            dirsync = DirSync(directory.reader, directory.domain().base_dn, WANTED, ASKED)
            everything = dirsync.since(b"")
            people = {entry.attributes["objectguid"][0] for entry in everything.entries}
            assert people >= {person.guid.bytes_le for person in company.people()}
            assert len(people) == len(everything.entries)
            person = company.people()[0]
            company.modify(person.dn, {"telephoneNumber": "99"})
            (told,) = dirsync.since(everything.cookie).entries
            assert told.attributes["telephonenumber"] == [b"99"]
            company.has_dirsync = False
            with pytest.raises(RollcallError):
                dirsync.since(everything.cookie)


def test_members_who_came_and_went_are_told_and_a_cookie_of_nobody_is_refused() -> None:
    company = build_company(3)
    first, second, third = (person.dn for person in company.people())
    group = company.add_group("phones", [first, second])
    with RunningDirectory(company) as running:
        settings = DirectorySettings.model_validate(directory_settings(running, *company.units))
        with ActiveDirectory(settings) as directory:
            dirsync = DirSync(directory.reader, directory.domain().base_dn, WANTED, ASKED)
            cookie = dirsync.since(b"").cookie
            company.modify(group, {"member": [second, third]})
            (told,) = dirsync.since(cookie).entries
            assert told.attributes["member;range=1-1"] == [third.encode()]
            assert told.attributes["member;range=0-0"] == [first.encode()]
            with pytest.raises(RollcallError) as refused:
                dirsync.since(b"cookie")
            assert refused.value.details["result"] == 12
