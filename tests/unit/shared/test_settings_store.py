"""Settings documents: validated whole, versioned, secrets readable only with the key."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from shared.database.engine import Database
from shared.database.tables import SettingsVersion, Site
from shared.domain.rules import Outcome
from shared.encryption import Encryption, new_key
from shared.errors import Conflict, NotFound, SecretUnreadable, SettingsInvalid
from shared.settings import store
from shared.settings.documents import (
    DirectorySettings,
    NumberRangeSettings,
    RulesSettings,
    Section,
    UnitSettings,
)
from shared.settings.fields import beginning
from tests.support.tables import everything_in

SECRET = "correct horse battery"


def _directory(**changes: object) -> DirectorySettings:
    return DirectorySettings.model_validate({"servers": ["dc1"], "password": SECRET, **changes})


def test_what_was_written_is_read_back(database: Database, encryption: Encryption) -> None:
    document = _directory(units=[{"dn": "OU=Sales,DC=x", "template_extension": "900"}])
    with database.begin() as session:
        assert store.write(session, "default", document, actor="anna", encryption=encryption) == 1
    with database.read() as session:
        stored = store.read(session, "default", encryption)
    assert stored.settings.directory == document
    assert stored.versions["directory"] == 1
    assert stored.versions["rules"] == 0


def test_all_sites_are_read_at_once_and_one_with_invalid_settings_keeps_no_other_from_it(
    database: Database, encryption: Encryption
) -> None:
    with database.begin() as session:
        for site in ("bergen", "oslo"):
            store.ensure_site(session, site)
        for site in ("default", "oslo"):
            for server in ("dc1", "dc2"):
                document = _directory(servers=[server, site])
                store.write(session, site, document, actor="anna", encryption=encryption)
        session.add(_of_a_newer_release("bergen"))
    with database.read() as session:
        found = store.read_all(session, encryption)
        one_by_one = {site: store.read(session, site, encryption) for site in ("default", "oslo")}
        assert isinstance(found.pop("bergen"), SettingsInvalid)
        assert found == one_by_one
    with database.read() as session, pytest.raises(SecretUnreadable):
        store.read_all(session, Encryption(new_key()))


def _of_a_newer_release(site: str) -> SettingsVersion:
    return SettingsVersion(
        site_id=site,
        section=Section.RULES.value,
        version=1,
        document={"unknown": 1},
        actor="anna",
        created_at=datetime.now(UTC),
    )


def test_a_new_site_begins_with_days_of_grace_until_its_rules_are_saved(
    database: Database, encryption: Encryption
) -> None:
    with database.begin() as session:
        rules = store.read(session, "default", encryption).settings.rules
        assert (rules.when_deleted, rules.deleted_grace_days) == (Outcome.DISABLE_THEN_DELETE, 30)
        # What an export or a body of the API without the rule has always meant.
        document = store.validate(Section.RULES, {"add_missing": False})
        store.write(session, "default", document, actor="anna", encryption=encryption)
        assert store.read(session, "default", encryption).settings.rules.when_deleted is Outcome.DELETE


def test_a_new_site_that_archives_deletes_at_once_until_its_rules_say_otherwise(
    database: Database, encryption: Encryption
) -> None:
    archive = store.validate(Section.ARCHIVE, {"is_enabled": True, "extension": "999"})
    rules = store.validate(Section.RULES, {"when_deleted": "disable_then_delete"})
    with database.begin() as session:
        store.write(session, "default", archive, actor="anna", encryption=encryption)
        begun = store.read(session, "default", encryption).settings.rules
        # Archiving is no reason to begin otherwise with anything else.
        assert (begun.when_deleted, begun.welcome_email) == (Outcome.DELETE, "with_creation")
        store.write(session, "default", rules, actor="anna", encryption=encryption)
        read = store.read(session, "default", encryption).settings.rules
    assert read.when_deleted is Outcome.DISABLE_THEN_DELETE


def test_a_site_that_is_older_and_a_document_without_the_rule_delete_at_once(
    database: Database, encryption: Encryption
) -> None:
    with database.begin() as session:
        session.execute(update(Site).values(beginning=None))
        assert store.read(session, "default", encryption).settings.rules.when_deleted is Outcome.DELETE
        store.ensure_site(session)
        session.get_one(Site, "default").beginning = dict(beginning())
        session.add(
            SettingsVersion(site_id="default", section="rules", version=1, document={"add_missing": True},
                            actor="anna", created_at=datetime.now(UTC))
        )  # fmt: skip
        assert store.read(session, "default", encryption).settings.rules.when_deleted is Outcome.DELETE


def test_the_database_does_not_hold_the_secret(database: Database, encryption: Encryption) -> None:
    with database.begin() as session:
        store.write(session, "default", _directory(), actor="anna", encryption=encryption)
    stored = everything_in(database)
    assert "anna" in stored
    assert SECRET not in stored


def test_the_wrong_key_says_what_to_do(database: Database, encryption: Encryption) -> None:
    with database.begin() as session:
        store.write(session, "default", _directory(), actor="anna", encryption=encryption)
    with pytest.raises(SecretUnreadable, match="ROLLCALL_SECRET_KEY"), database.read() as session:
        store.read(session, "default", Encryption(new_key()))


def test_the_public_form_says_only_whether_a_secret_is_set() -> None:
    assert store.public(_directory())["password"] == "set"
    assert store.public(_directory(password=""))["password"] is None
    assert SECRET not in str(store.public(_directory()))


def test_saving_over_a_version_one_has_not_seen_is_refused(
    database: Database, encryption: Encryption
) -> None:
    with database.begin() as session:
        store.write(session, "default", _directory(), actor="anna", encryption=encryption, expected_version=0)
    with pytest.raises(Conflict, match="changed in the meantime"), database.begin() as session:
        store.write(session, "default", _directory(), actor="bob", encryption=encryption, expected_version=0)


def test_an_unknown_site_is_named(database: Database, encryption: Encryption) -> None:
    with pytest.raises(NotFound, match="'oslo'"), database.read() as session:
        store.read(session, "oslo", encryption)


def test_a_country_may_be_written_in_small_letters() -> None:
    document = store.validate(Section.DIRECTORY, {"mobile_country": "de"})
    assert store.public(document)["mobile_country"] == "DE"


def test_an_expression_that_an_earlier_release_has_stored_is_still_read() -> None:
    values = {"exclusions": [{"kind": "regex", "value": "^(?!Anna)"}]}
    stored = store.validate(Section.RULES, values, is_stored=True)
    assert store.public(stored)["exclusions"] == values["exclusions"]
    with pytest.raises(SettingsInvalid, match="look-ahead"):
        store.validate(Section.RULES, values)


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        (Section.DIRECTORY, {"servres": ["dc1"]}, "servres: Unknown setting."),
        (Section.DIRECTORY, {"units": [{"dn": "Sales"}]}, "not a distinguished name"),
        (Section.DIRECTORY, {"units": [{"dn": "OU=a,DC=x"}, {"dn": "ou=A,dc=x"}]}, "listed twice"),
        (Section.DIRECTORY, {"security": "plain"}, "readable over the network"),
        (Section.DIRECTORY, {"filter": "company=x"}, "LDAP filter (filter): Put"),
        (
            Section.DIRECTORY,
            {"attributes": {"number": "1st"}},
            "Extension number (attributes.number): An attribute's name",
        ),
        (
            Section.PHONE_SYSTEM,
            {"base_url": "http://pbx.example.test"},
            "Address (base_url): The address must be https",
        ),
        (Section.PHONE_SYSTEM, {"base_url": "ftp://pbx.example.test"}, "as in the browser"),
        (Section.PHONE_SYSTEM, {"base_url": "https://user:secret@pbx.example.test"}, "as in the browser"),
        (Section.PHONE_SYSTEM, {"allowed_roles": ["system"]}, "internal role"),
        (
            Section.RULES,
            {"exclusions": [{"kind": "regex", "value": "("}]},
            "row 1, Filter text (exclusions.0.value): The expression '(' cannot be used: unclosed group.",
        ),
        (
            Section.RULES,
            {"exclusions": [{"kind": "regex", "value": "a(?=b)"}]},
            "look-ahead and look-behind are not",
        ),
        (
            Section.RULES,
            {"reserved_numbers": ["112", "9x"]},
            "line 2 (reserved_numbers.1): Enter a number or a range",
        ),
        (Section.RULES, {"reserved_numbers": ["90-100"]}, "not a range of numbers with equally many digits"),
        (
            Section.RULES,
            {"number_ranges": [{"first": "200", "last": "1999"}]},
            "row 1, To (number_ranges.0.last): '200-1999' is not a range of numbers with equally many digits",
        ),
        (Section.RULES, {"number_ranges": [{"first": "299", "last": "200"}]}, "not a range of numbers"),
        (
            Section.RULES,
            {"number_ranges": [{"first": "200", "last": "299", "skip": "two"}]},
            "(number_ranges.0.skip): Enter numbers and ranges with commas between them",
        ),
        (
            Section.RULES,
            {"number_ranges": [{"first": "2x", "last": "299"}]},
            "row 1, From (number_ranges.0.first): An extension number has 2 to 10 digits",
        ),
        (
            Section.RULES,
            {"number_ranges": [{"first": "0000000000", "last": "9999999999"}]},
            "10,000,000,000 numbers; 100,000 are the most",
        ),
        (Section.DIRECTORY, {"mobile_country": "XX"}, "'XX' is not the code of a country."),
        (Section.DIRECTORY, {"mobile_country": "Germany"}, "(mobile_country): A country is written with its"),
        (Section.RULES, {"exclusions": [{"kind": "numbers", "value": "300-200"}]}, "not a number or a range"),
        (Section.SCHEDULE, {"time_zone": "Mars/Base"}, "not a time zone"),
        (
            Section.SCHEDULE,
            {"mode": "times", "is_enabled": True, "times": []},
            "Times of day (times): Enter at least one time",
        ),
        (Section.SCHEDULE, {"times": ["25:00"]}, "Times of day, line 1 (times.0): A time is written HH:MM"),
        (
            Section.ARCHIVE,
            {"is_enabled": True, "voicemails": False, "recordings": False},
            "needs voicemails, recordings or both",
        ),
        (Section.RELAY, {"public_key": "no key"}, "not a public key"),
        (Section.RELAY, {"host": "https://pbx.example.com"}, "a name or an address alone"),
        (
            Section.LIMITS,
            {"removals_percent": 101},
            "Share of deletions (removals_percent): Enter at most 100.",
        ),
    ],
)
def test_bad_settings_are_refused_with_a_sentence_that_names_them(
    section: Section, values: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        store.validate(section, values)
    assert said in refused.value.message


def test_a_refusal_never_repeats_a_secret() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        store.validate(Section.DIRECTORY, {"password": [SECRET], "usr": SECRET})
    assert SECRET not in refused.value.message


def test_only_what_selects_people_changes_the_selection_hash() -> None:
    plain = _directory(units=[{"dn": "OU=Sales,DC=x"}])
    same = plain.model_copy(update={"password": SecretStr("other"), "servers": ("dc2",)})
    assert store.selection_hash(plain) == store.selection_hash(same)
    for change in (
        {"units": (UnitSettings(dn="OU=IT,DC=x"),)},
        {"filter": "(company=x)"},
        {"required_group": "CN=Phones,DC=x"},
        {"attributes": plain.attributes.model_copy(update={"number": "ipPhone"})},
    ):
        assert store.selection_hash(plain) != store.selection_hash(plain.model_copy(update=change))


@pytest.mark.parametrize("server", ["dc1:3268", "dc1.corp.example:3269"])
def test_a_global_catalog_is_refused_when_saving_but_one_saved_before_can_be_read_and_corrected(
    database: Database, encryption: Encryption, server: str
) -> None:
    with pytest.raises(SettingsInvalid, match="port of the Global Catalog"):
        store.validate(Section.DIRECTORY, {"servers": [server]})
    before = store.validate(Section.DIRECTORY, {"servers": [server]}, is_stored=True)
    with database.begin() as session:
        store.write(session, "default", before, actor="anna", encryption=encryption)
    with database.read() as session:
        assert store.read(session, "default", encryption).settings.directory.servers == (server,)


def test_ranges_change_who_is_selected_and_none_leave_the_hash_as_it_was() -> None:
    plain = RulesSettings()
    before = store.selection_hash(DirectorySettings())
    assert store.selection_hash(DirectorySettings(), plain) == before
    ranges = (NumberRangeSettings(first="200", last="299"),)
    assert store.selection_hash(DirectorySettings(), RulesSettings(number_ranges=ranges)) != before


def test_new_sites_begin_with_welcome_messages_and_a_document_without_them_mails_none() -> None:
    assert beginning()["rules"]["welcome_email"] == "with_creation"
    assert RulesSettings.model_validate({"add_missing": True}).welcome_email == "never"
