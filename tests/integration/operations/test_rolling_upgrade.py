"""Processes of two versions side by side: no message is lost, and what one does not know it leaves to the other."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import insert, update
from structlog.testing import capture_logs

from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases import sites
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from services.scheduler.due_runs import sweep, tick
from shared.database.tables import RunState, SettingsVersion
from shared.errors import SettingsInvalid
from shared.messages import Message
from shared.settings.documents import Section
from shared.worker.context import Context
from shared.worker.queues import queue_of
from tests.support.phone_system import phone_system_settings
from tests.support.site import Site, Wiring, embedded_site
from tests.support.waiting import wait_until

Json = dict[str, Any]


class _OtherVersion(Context):
    """Sends messages as another version of Rollcall would."""

    sent: ClassVar[list[Json]] = []

    def publish(self, messages: Iterable[Message], countdown: float = 0) -> None:
        """Each message as that version writes it."""
        for message in messages:
            values = self.written(message)
            self.sent.append(values)
            self.app.send_task(
                message.task, args=[values], queue=queue_of(message.task).value, countdown=countdown or None,
                ignore_result=True,
            )  # fmt: skip

    def written(self, message: Message) -> Json:
        """The message on the wire."""
        raise NotImplementedError


class Older(_OtherVersion):
    """Knew the ids only: nothing else was in a message then."""

    def written(self, message: Message) -> Json:
        """Ids alone."""
        return {name: value for name, value in message.model_dump(mode="json").items() if name.endswith("_id")
                and name not in ("message_id", "correlation_id")}  # fmt: skip


class Newer(_OtherVersion):
    """Has added fields, which mean nothing to this version."""

    def written(self, message: Message) -> Json:
        """More than this version knows."""
        return message.model_dump(mode="json") | {"added_later": {"a": [1]}}


class Incompatible(_OtherVersion):
    """Means something else with its messages, and says so."""

    def written(self, message: Message) -> Json:
        """Another version of the schema."""
        return message.model_dump(mode="json") | {"schema_version": 2}


@pytest.fixture(scope="module")
def ends() -> Iterator[Json]:
    """The settings that reach two ends which are in step after a run."""
    company = build_company(3)
    with (
        RunningDirectory(company) as directory,
        RunningPhoneSystem(PhoneSystemOptions(extensions=1)) as phone_system,
    ):
        yield {
            "directory": {
                "servers": [directory.url.partition("//")[2]],
                "ca_certificate": directory.ca_certificate,
                "tls_name": directory.tls_name,
                "user": directory.user,
                "password": directory.password,
                "units": [{"dn": directory.units[0]}],
            },
            "phone_system": phone_system_settings(phone_system),
        }


@pytest.mark.parametrize("wiring", [Older, Newer])
def test_a_run_goes_to_its_end_on_messages_of_another_version(
    tmp_path: Path, ends: Json, wiring: Wiring
) -> None:
    with embedded_site(tmp_path / "data", wiring) as site:
        site.configure(ends)
        assert site.complete().state in (RunState.DONE, RunState.IN_STEP)


def test_a_message_that_is_not_understood_is_refused_and_its_work_is_not_lost(
    tmp_path: Path, ends: Json
) -> None:
    Incompatible.sent.clear()
    with embedded_site(tmp_path / "data", Incompatible) as site, capture_logs() as said:
        site.configure(ends)
        run_id = site.start_run()

        def _are_refused() -> bool:
            refused = [line for line in said if line.get("code") == "message_not_understood"]
            return len(refused) >= len(Incompatible.sent) > 0

        wait_until("every message was refused", _are_refused)
        assert site.run(run_id).state == RunState.COLLECTING
        assert {part.attempt for part in site.parts(run_id)} == {0}
        assert "version '2'" in next(
            line["error"] for line in said if line.get("code") == "message_not_understood"
        )
    # The process that was upgraded, or the one that was not: whoever understands takes what is left.
    with embedded_site(tmp_path / "data") as site:
        sweep(site.context)
        assert site.finish(run_id).state in (RunState.DONE, RunState.IN_STEP)


def test_a_task_that_only_a_newer_worker_has_does_not_stop_an_older_one(tmp_path: Path, ends: Json) -> None:
    with embedded_site(tmp_path / "data") as site:
        site.configure(ends)
        for queue in ("collector", "reconciler", "relay_client"):
            site.context.app.send_task(f"{queue}.added_later", args=[{}], queue=queue, ignore_result=True)
        assert site.complete().state in (RunState.DONE, RunState.IN_STEP)


def _save_as_newer(site: Site, section: str, document: Json) -> None:
    with site.context.database.begin() as session:
        session.execute(
            insert(SettingsVersion).values(
                site_id="default", section=section, version=99, document=document, actor="newer",
                created_at=datetime.now(UTC),
            )
        )  # fmt: skip


def test_a_section_of_a_newer_version_is_passed_over(tmp_path: Path, ends: Json) -> None:
    with embedded_site(tmp_path / "data") as site:
        site.configure(ends)
        _save_as_newer(site, "fax", {"is_enabled": True})
        assert site.complete().state in (RunState.DONE, RunState.IN_STEP)


def test_a_setting_of_a_newer_version_is_refused_with_what_to_do(tmp_path: Path, ends: Json) -> None:
    with embedded_site(tmp_path / "data") as site:
        site.configure(ends)
        _save_as_newer(site, Section.RULES.value, {"when_bored": "call somebody"})
        with pytest.raises(SettingsInvalid, match="saved by another version of Rollcall"):
            site.start_run()


def test_a_schedule_of_a_newer_version_does_not_stop_the_clock_for_other_sites(
    tmp_path: Path, ends: Json
) -> None:
    with embedded_site(tmp_path / "data") as site:
        schedule = {"is_enabled": True, "mode": "every", "every_minutes": 1}
        sites.create_site(site.context, "oslo", "test")
        settings.apply_settings(site.context, "oslo", ends | {"schedule": schedule}, "test")
        _save_as_newer(site, Section.SCHEDULE.value, {"moon": "full"})
        with site.context.database.begin() as session:
            long_ago = datetime(2026, 1, 1, tzinfo=UTC)
            session.execute(update(SettingsVersion).values(created_at=long_ago))
        with capture_logs() as said:
            assert len(tick(site.context)) == 1
        assert [line["site"] for line in said if line["event"] == "schedule_unreadable"] == ["default"]
