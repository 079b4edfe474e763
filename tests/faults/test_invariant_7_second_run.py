"""Invariant 7: a second run right after a run has nothing to do. With a company that has every oddity."""

from pathlib import Path

from services.sandbox.directory import RunningDirectory, build_company, change_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import RollReading
from tests.faults.conftest import FREE, assert_in_step, settle
from tests.support.phone_system import changes_made, phone_system_settings, picture
from tests.support.site import embedded_site
from tests.support.staff import directory_settings


def test_a_second_run_right_after_a_run_has_nothing_to_do(tmp_path: Path) -> None:
    company = build_company(150)
    with (
        RunningDirectory(company) as directory,
        RunningPhoneSystem(PhoneSystemOptions(extensions=3)) as phone_system,
        embedded_site(tmp_path) as site,
    ):
        site.configure(
            {
                "directory": directory_settings(directory, *company.units),
                "phone_system": phone_system_settings(phone_system),
                "limits": FREE,
                "rules": {"add_to_departments": True, "create_missing_departments": True},
            }
        )
        for seed in range(3):
            settle(site)
            before = picture(phone_system)
            phone_system.state.calls.clear()
            assert_in_step(site)
            assert not changes_made(phone_system)
            assert picture(phone_system) == before
            with site.context.database.read() as session:
                assert session.get_one(RollReading, "default").differences == 0
            changes = change_company(company, seed)
            assert changes.joined
            assert changes.left
