"""Plans a run that looks at everybody, or at one person: reads what is needed and brings it to the planner.

Called by ``plan_run``. Where the rules allow it, those who are in sync are set aside first (``set_aside``): a site of
100,000 people is planned in the memory of those whom something concerns.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from services.reconciler.directory_names import with_directory_names
from services.reconciler.freshness import weigh_all
from services.reconciler.guards import judge
from services.reconciler.licence import fit_into_licence
from services.reconciler.one_person import limited_to
from services.reconciler.plan_undo import undone_of
from services.reconciler.planner import make_plan, watched
from services.reconciler.prepared import Prepared
from services.reconciler.refused import report_refused
from services.reconciler.run_inputs import (
    ROLLING,
    EvidenceOfRun,
    Parts,
    absent_of,
    changed_lately,
    department_limit_of,
    each_binding,
    facts_of,
    left_behind_of,
    parts_of,
    taken_lately,
    without_extensions,
)
from services.reconciler.set_aside import Ends, can_be_set_aside, concerned, set_aside
from services.reconciler.unfinished import settle_unfinished
from services.reconciler.unwritten import report_unwritten
from shared.database import given_numbers, graces, owed, unfinished
from shared.database.pages import read_items
from shared.database.tables import PartState, RunKind, SnapshotPart
from shared.domain.exclusions import why_unusable
from shared.domain.extension import Extension
from shared.domain.rules import Rules, RunFacts, WelcomeEmail
from shared.errors import SettingsInvalid
from shared.language import declared
from shared.runs.controllers import memories_of
from shared.runs.history import last_good_run, refused_before
from shared.settings import store
from shared.settings.documents import SiteSettings
from shared.settings.what_if import read_for_run
from shared.work.parts import advice_of
from shared.work.runs import RunWork, fail_run


def prepare_whole(work: RunWork) -> Prepared | None:
    """The plan to be stored; ``None`` when it cannot be made, and the run has failed."""
    context, run = work.context, work.run
    with context.database.read() as session:
        parts = parts_of(session, run.id)
        stored = read_for_run(session, run.id, run.site_id, context.encryption)
        last_good = last_good_run(session, run.site_id, before=run.id)
        facts = facts_of(session, run, parts, last_good, stored)
        selection = store.selection_of(stored.settings)
        facts = replace(
            facts,
            is_selection_changed=facts.is_selection_changed
            or (last_good is not None and selection != run.selection_hash),
            lately=taken_lately(session, run.site_id, datetime.now(UTC) - ROLLING),
            changed_lately=changed_lately(session, run.site_id, datetime.now(UTC) - ROLLING),
            undone=undone_of(session, run.site_id),
        )
        memories = memories_of(session, run.site_id)
        department_limit = department_limit_of(session, run.site_id)
        refused = refused_before(session, run.site_id, run.id)
        owed_rows = owed.rows(session, run.site_id)
        left_behind = left_behind_of(session, run.site_id, owed_rows)
        countdowns = graces.of_site(session, run.site_id)
        numbers = given_numbers.read(session, run.site_id)
        unwritten = given_numbers.unwritten(session, run.site_id)
        rules = _rules_of(stored.settings, facts)
        failed = _reason_to_fail(parts, rules)
        if failed is None:
            bindings = partial(each_binding, session, run.site_id)
            evidence = EvidenceOfRun(context.database, parts, stored.settings, bindings)
            absent = absent_of(context.database, parts, facts.units, last_good, bindings, memories)
            begun = unfinished.unfinished_of(owed_rows)
            steps = owed.owed_of(owed_rows)
            extensions = partial(read_items, context.database, parts.extensions.id, Extension)
            phone_system = replace(
                without_extensions(parts.extensions, extensions()), department_name_limit=department_limit
            )
            ends = Ends(lambda: watched(evidence.people(), work.deadline.check), extensions, bindings)
            if can_be_set_aside(rules, numbers, len(stored.settings.directory_by_key)):
                about = concerned(steps, begun, left_behind, countdowns, absent, run.person_guid)
                rest = set_aside(ends, about, rules, phone_system)
            else:
                rest = ends.everybody(rules)
    now = datetime.now(UTC)
    if failed is not None:
        with context.database.begin() as session:
            if work.fence(session):
                fail_run(session, run, *failed)
        return None
    phone_system = replace(phone_system, extensions=rest.extensions)
    plan = make_plan(
        rest.people,
        phone_system,
        rest.bindings,
        absent,
        rest.rules,
        facts.units,
        left_behind,
        steps,
        countdowns,
        known_numbers=numbers,
        in_sync=rest.in_sync,
        now=now,
        check=work.deadline.check,
    )
    plan = settle_unfinished(plan, begun, phone_system, rest.bindings)
    patience = {
        key: timedelta(hours=directory.controller_agreement_hours)
        for key, directory in stored.settings.directory_by_key.items()
    }
    plan, memories, waiting = weigh_all(plan, evidence.gathered(), memories, now, patience)
    seen = plan.seen
    if run.kind == RunKind.PERSON:
        plan = limited_to(plan, run.person_guid)
    advice = advice_of([*parts.units, parts.extensions])
    plan = replace(plan, findings=(*plan.findings, *waiting))
    if rules.write_back_attribute:
        plan = report_unwritten(plan, unwritten, rules.write_back_attribute, run.person_guid)
    plan = fit_into_licence(report_refused(plan, refused), phone_system)
    plan = with_directory_names(plan, evidence.homes, stored.settings.directory_titles)
    verdict = judge(plan, facts, stored.settings.to_limits())
    return Prepared(
        plan,
        verdict,
        stored.versions,
        {key: memory for key, memory in memories.items() if key in patience},
        evidence.homes,
        tuple(numbers),
        rules.write_back_attribute or "",
        seen,
        facts,
        now,
        tuple(advice),
    )


def _rules_of(settings: SiteSettings, facts: RunFacts) -> Rules:
    """The site's rules; a first run, which makes an extension for everybody, mails only where it is to."""
    rules = settings.to_rules()
    if facts.is_first_run and rules.welcome_email is WelcomeEmail.WITH_CREATION:
        rules = replace(rules, welcome_email=WelcomeEmail.NEVER)
    return rules


def _reason_to_fail(parts: Parts, rules: Rules) -> tuple[str, str] | None:
    unusable = why_unusable(rules.exclusions)
    if unusable is not None:
        return SettingsInvalid.code, unusable
    if parts.extensions.state == PartState.FAILED:
        return _error_of(parts.extensions)
    if all(unit.state == PartState.FAILED for unit in parts.units):
        return _error_of(parts.units[0])
    return None


def _error_of(part: SnapshotPart) -> tuple[str, str]:
    return part.error_code or "unknown", part.error_message or declared("It could not be read.")
