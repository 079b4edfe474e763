"""The short questions of the console: does it work, which units, which attributes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from services.api.connections.schemas.questions import ControllerHealthOut
from services.collector import questions
from services.collector.active_directory import ActiveDirectory
from services.sandbox.directory import RunningDirectory, accounts, build_company
from shared.errors import AccountNotUsable, BadCredentials, UnknownAttribute, UnknownBaseDn
from shared.settings.documents import DirectorySettings
from shared.worker.questions import seal
from tests.integration.collector.collecting import SITE, Collecting, sandbox_settings
from tests.integration.collector.scripted import done, entry, plain_settings, scripted
from tests.support.office import Office


def _arguments(site: Collecting, settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    sealed = seal(DirectorySettings.model_validate(settings), site.context.encryption)
    return {"site_id": SITE, "settings": sealed, **more}


def test_a_working_directory_says_who_answered_and_how_many_people_each_unit_has(
    site: Collecting, office: Office
) -> None:
    sales, empty = office.unit("Sales"), office.unit("Empty")
    for login in ("a", "b"):
        office.hire(sales, login)
    answer = questions.test_directory(site.context, _arguments(site, office.settings([sales, empty])))
    assert answer["units"] == [{"dn": sales, "people": 2}, {"dn": empty, "people": 0}]
    assert (answer["controller"], answer["base_dn"]) == (office.domain.tls_name, office.domain.base_dn)
    assert (answer["server"], answer["security"]) == (f"{office.domain.address}:636", "ldaps")
    (warning,) = answer["warnings"]
    assert warning.startswith(f"{empty} was read completely, but contains no matching people")


def test_a_controller_shows_its_clock_and_how_long_its_certificate_is_good(office: Office) -> None:
    with ActiveDirectory(DirectorySettings.model_validate(office.settings([office.root]))) as directory:
        clock, ends_at = directory.domain().clock, directory.certificate_ends_at
    assert clock is not None
    assert abs(clock - datetime.now(UTC)) < timedelta(seconds=60)
    authority = x509.load_pem_x509_certificate(office.domain.ca_certificate.encode())
    assert ends_at is not None
    assert datetime.now(UTC) < ends_at <= authority.not_valid_after_utc


def test_the_saved_settings_are_tested_when_none_are_given(site: Collecting, office: Office) -> None:
    site.configure(office.settings([office.root]))
    assert questions.test_directory(site.context, {"site_id": SITE})["units"][0]["dn"] == office.root


def test_a_connection_without_encryption_is_warned_of(site: Collecting) -> None:
    company = build_company(4)
    with RunningDirectory(company, tls=False, allow_plain=True) as running:
        settings = sandbox_settings(running, security="plain", allow_plain=True)
        answer = questions.test_directory(site.context, _arguments(site, settings))
    assert answer["security"] == "plain"
    assert any("NOT encrypted" in warning and "Use LDAPS" in warning for warning in answer["warnings"])


def test_every_controller_is_told_in_order_with_its_health_and_how_far_it_is_behind(site: Collecting) -> None:
    company = build_company(4)
    replica = company.replica()
    with (
        RunningDirectory(company, host_name="dc1") as first,
        RunningDirectory(replica, host_name="dc2") as second,
    ):
        company.modify(company.people()[0].dn, {"mobile": "1"})
        settings = sandbox_settings(
            first,
            servers=[f"127.0.0.1:{first.port}", "127.0.0.1:9", f"127.0.0.1:{second.port}"],
            ca_certificate=first.ca_certificate + second.ca_certificate,
            receive_timeout_seconds=30,
            connect_timeout_seconds=30,
        )
        answer = questions.test_directory(site.context, _arguments(site, settings))
    one, dead, two = answer["controllers"]
    assert [item["server"] for item in (one, dead, two)] == settings["servers"]
    assert [item["is_used"] for item in (one, dead, two)] == [True, False, False]
    assert (one["problem"], two["problem"]) == ("", "")
    assert "refused" in dead["problem"]
    assert dead["problem"] in answer["warnings"]
    assert two["missing"] >= 1
    assert ControllerHealthOut.model_validate(two).controller.startswith("dc2.")


def test_a_controller_that_was_passed_over_is_warned_of(site: Collecting) -> None:
    with RunningDirectory(build_company(4)) as running:
        settings = sandbox_settings(running, servers=["127.0.0.1:9", f"127.0.0.1:{running.port}"])
        answer = questions.test_directory(site.context, _arguments(site, settings))
    assert any("127.0.0.1:9" in warning and "refused" in warning for warning in answer["warnings"])


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"password": "wrong"}, BadCredentials),
        ({"attributes": {"number": "telephoneNumbr"}}, UnknownAttribute),
        ({"required_group": "CN=Gone,DC=nowhere"}, UnknownBaseDn),
        ({"units": [{"dn": "OU=Gone,DC=nowhere"}]}, UnknownBaseDn),
    ],
)
def test_what_is_wrong_comes_as_its_own_error(
    site: Collecting, office: Office, changes: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        questions.test_directory(site.context, _arguments(site, office.settings([office.root]) | changes))


def test_a_locked_account_is_told_from_a_wrong_password(site: Collecting) -> None:
    company = build_company(4)
    account = accounts.find(company, company.user)
    assert account is not None
    company.modify(account.dn, {"lockoutTime": "133800000000000000"})
    with RunningDirectory(company) as running, pytest.raises(AccountNotUsable, match="is locked"):
        questions.test_directory(site.context, _arguments(site, sandbox_settings(running)))


def test_units_are_browsed_level_by_level_with_everyone_below_them(site: Collecting, office: Office) -> None:
    sales, quiet = office.unit("Sales"), office.unit("a quiet one")
    inside = office.unit("Inside", sales)
    for unit, login in ((sales, "a"), (inside, "b"), (inside, "c")):
        office.hire(unit, login)
    arguments = _arguments(site, office.settings([]), base=office.root)
    assert questions.browse_units(site.context, arguments) == [
        {"dn": quiet, "name": "a quiet one", "people": 0, "units": 0},
        {"dn": sales, "name": "Sales", "people": 3, "units": 1},
    ]
    top = questions.browse_units(site.context, _arguments(site, office.settings([])))
    assert {"dn": office.root, "name": office.name, "people": 3, "units": 3} in top


def test_a_base_written_another_way_gives_the_same_counts(site: Collecting, office: Office) -> None:
    for unit, login in ((office.unit("Sales"), "a"), (office.unit("Support"), "b")):
        office.hire(unit, login)
    typed = ", ".join(office.root.split(",")).lower()
    found = questions.browse_units(site.context, _arguments(site, office.settings([]), base=typed))
    assert {unit["name"]: unit["people"] for unit in found} == {"Sales": 1, "Support": 1}


def test_units_with_commas_in_their_names_are_counted_apart(site: Collecting, office: Office) -> None:
    for name, login in (("Sales\\, North", "a"), ("Support\\, North", "b")):
        office.hire(office.unit(name), login)
    found = questions.browse_units(site.context, _arguments(site, office.settings([]), base=office.root))
    assert [(unit["name"], unit["people"]) for unit in found] == [("Sales, North", 1), ("Support, North", 1)]


def test_browsing_what_is_not_there_is_an_error(site: Collecting, office: Office) -> None:
    with pytest.raises(UnknownBaseDn, match=f"nearest entry that exists is {office.root}"):
        questions.browse_units(
            site.context, _arguments(site, office.settings([]), base=f"OU=Gone,{office.root}")
        )


def test_a_unit_of_another_domain_is_told_with_its_domain(site: Collecting, office: Office) -> None:
    base = f"OU=Sales,DC=child,{office.root[office.root.index('DC=') :]}"
    with pytest.raises(UnknownBaseDn, match=r"is in the domain child\..*Add the domain child\.") as raised:
        questions.browse_units(site.context, _arguments(site, office.settings([]), base=base))
    assert str(raised.value.details["domain"]).startswith("child.")


def test_attributes_are_listed_with_samples_those_with_extension_numbers_first(
    site: Collecting, office: Office
) -> None:
    office.hire(office.root, "a", "+1 801 555 0100", ipPhone="204", description="Likes tea")
    office.hire(office.root, "b", "+1 801 555 0101", ipPhone="x205")
    found = questions.list_attributes(site.context, _arguments(site, office.settings([office.root])))
    by_name = {item["name"]: item for item in found}
    assert found[0]["name"] == "ipPhone"
    chosen = by_name["ipPhone"]
    assert (chosen["people"], chosen["filled"], chosen["numbers"]) == (2, 2, 2)
    assert sorted(chosen["samples"]) == ["204", "x205"]
    assert (by_name["telephoneNumber"]["filled"], by_name["telephoneNumber"]["numbers"]) == (2, 0)
    assert by_name["description"]["samples"] == ["Likes tea"]
    # Offered although nobody has one.
    assert by_name["otherTelephone"]["filled"] == 0
    assert not {"objectGUID", "memberOf", "userAccountControl"} & set(by_name)


def test_a_sample_of_a_large_unit_leaves_no_session_in_the_middle_of_a_page(site: Collecting) -> None:
    with RunningDirectory(build_company(700)) as running:
        settings = sandbox_settings(running, [running.base_dn])
        found = questions.list_attributes(site.context, _arguments(site, settings))
    assert found[0]["people"] == 500


def test_people_of_every_unit_are_in_the_sample(site: Collecting) -> None:
    with RunningDirectory(build_company(120)) as running:
        settings = sandbox_settings(running, running.units[:6])
        found = questions.list_attributes(site.context, _arguments(site, settings))
        departments = next(item for item in found if item["name"] == "department")
    assert departments["filled"] == found[0]["people"]
    assert len(departments["samples"]) > 1


def test_attributes_that_the_schema_lacks_are_told_with_similar_ones(
    site: Collecting, office: Office
) -> None:
    arguments = _arguments(site, office.settings([office.root]), names=["ipPhone", "ipFone"])
    unknown = questions.unknown_attributes(site.context, arguments)
    assert [*unknown] == ["ipFone"]
    assert "ipPhone" in unknown["ipFone"]


def test_units_that_take_in_administrators_and_services_are_named(site: Collecting, office: Office) -> None:
    assert unusual_accounts_of(site, office) == []
    office.hire(office.root, "boss", "300", adminCount="1")
    office.hire(office.root, "svc-backup", "301")
    office.hire(office.root, "ada", "302")
    administrators, services = unusual_accounts_of(site, office)
    assert administrators.startswith(f"Administrator accounts in {office.root}: boss.")
    assert services.startswith(f"Service accounts in {office.root}: svc-backup.")


def unusual_accounts_of(site: Collecting, office: Office) -> list[str]:
    """What the test of the directory says of the office's unit."""
    answer = questions.test_directory(site.context, _arguments(site, office.settings([office.root])))
    return [warning for warning in answer["warnings"] if " accounts in " in warning]


def test_an_account_without_the_right_to_read_the_schema_can_still_work(site: Collecting) -> None:
    def _answer(message: Any, search: Any) -> bytes:
        if not search.base:
            names = {"defaultNamingContext": "DC=x", "schemaNamingContext": "CN=Schema,DC=x"}
            return entry(message, "", names | {"dnsHostName": "dc"}) + done(message, None)
        if search.base.startswith("CN=Schema"):
            return done(message)
        return entry(message, "OU=Sales,DC=x", {}) + done(message)

    with scripted(_answer) as controller:
        settings = plain_settings(controller, units=[{"dn": "OU=Sales,DC=x"}])
        sealed = seal(settings, site.context.encryption)
        answer = questions.test_directory(site.context, {"site_id": SITE, "settings": sealed})
    assert answer["units"] == [{"dn": "OU=Sales,DC=x", "people": 1}]
