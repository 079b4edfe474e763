"""Hosts differ: what is recognised is said, a setting overrides it, and what is not recognised is left alone."""

from dataclasses import replace

import psycopg
import pytest

from rollcall_relay.self_test import self_test
from tests.integration.relay.cluster import Cluster
from tests.integration.relay.phones import ARCHIVE, LEAVER, Phones

_REQUEST = {"kind": "archive", "number": LEAVER, "to": ARCHIVE}


@pytest.mark.parametrize("place", ["Data/Ivr/Voicemail/Data", "Data/Voicemail"])
def test_voicemails_are_found_where_the_rows_lead(phones: Phones, place: str) -> None:
    instance = phones.folder / "Instance1"
    (instance / place).parent.mkdir(exist_ok=True)
    phones.voicemails.rename(instance / place)
    # An empty folder with the usual name must not win over the one with the files.
    phones.voicemails.mkdir()
    answer = phones.operate("archive-0001", **_REQUEST)
    assert (answer["verified"], answer["voicemails"]["items"]) == (True, 12)
    assert len(list((instance / place / ARCHIVE).iterdir())) == 12


def test_a_place_that_only_the_settings_know_is_believed(phones: Phones) -> None:
    phones.recordings.rename(phones.folder / "other disk")
    refused = phones.operate("archive-0001", **_REQUEST)
    assert (refused["state"], refused["code"]) == ("failed", "layout_not_recognised")
    assert "recordings_folder" in refused["message"]
    phones.set(recordings_folder=str(phones.folder / "other disk"))
    answer = phones.operate("archive-0002", **_REQUEST)
    assert (answer["verified"], answer["recordings"]["items"]) == (True, 13)


def test_a_layout_that_is_not_recognised_changes_nothing_and_says_what_was_seen(phones: Phones) -> None:
    phones.sql("UPDATE s_voicemail SET wav_file = 'elsewhere/' || wav_file")
    before = phones.account()
    answer = phones.operate("archive-0001", **_REQUEST)
    assert (answer["state"], answer["code"]) == ("failed", "layout_not_recognised")
    assert f"{phones.voicemails} has the files of 0 of 15 rows" in answer["message"]
    assert phones.account() == before


def test_a_database_with_another_name_is_found_among_others(cluster: Cluster, phones: Phones) -> None:
    with psycopg.connect(phones.conninfo) as connection:
        name = connection.info.dbname
    # The cluster has the databases of other tests as well; each but this one is shut for the time being.
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        others = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'phones%%' AND datname <> %s", (name,)
        ).fetchall()
        for (other,) in others:
            connection.execute(f"ALTER DATABASE {other} ALLOW_CONNECTIONS false")
    phones.set(database=cluster.server)
    assert phones.operate("archive-0001", **_REQUEST)["verified"]
    assert self_test(phones.settings)["database"]["name"] == name


def test_a_database_that_is_not_3cxs_is_refused(cluster: Cluster, phones: Phones) -> None:
    before = phones.account()
    phones.set(database=cluster.new_database())
    answer = phones.operate("archive-0001", **_REQUEST)
    assert (answer["state"], answer["code"]) == ("failed", "layout_not_recognised")
    assert "dn.iddn" in answer["message"]
    assert phones.account() == before


def test_the_test_says_what_was_found(phones: Phones) -> None:
    result = self_test(phones.settings)
    assert result["usable"], result["problems"]
    assert result["layout"]["voicemails"] == str(phones.voicemails)
    assert result["database"]["rights"] == {
        "s_voicemail": ["select", "update", "insert"], "recordings": ["select", "update", "insert"],
    }  # fmt: skip
    assert result["free_bytes"]["recordings"] > 0
    assert not (phones.folder / "state").exists()


def test_missing_rights_are_said_and_an_archive_without_them_changes_nothing(phones: Phones) -> None:
    phones.sql("DROP ROLE IF EXISTS reader")
    phones.sql("CREATE ROLE reader LOGIN")
    phones.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    before = phones.account()
    phones.settings = replace(
        phones.settings, database=phones.conninfo.replace("user=phonesystem", "user=reader")
    )
    result = self_test(phones.settings)
    answer = phones.operate("archive-0001", **_REQUEST)
    phones.sql("DROP OWNED BY reader")
    phones.sql("DROP ROLE reader")
    assert {problem["code"] for problem in result["problems"]} == {"database_rights"}
    assert len(result["problems"]) == 4
    assert (answer["state"], answer["code"]) == ("failed", "database_rights")
    assert phones.account() == before
    assert not list(phones.folder.rglob(".rollcall-relay"))
