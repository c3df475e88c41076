"""The tests that every implementation of `Store` must pass."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from autoprec_probe.agent.report import Report
from autoprec_probe.candidate import Candidate
from autoprec_service.errors import StoreConflictError, StoreError
from autoprec_service.outcome import outcomes_of
from autoprec_service.pruned import Pruned, PruneKind
from autoprec_service.store.contract import Store
from autoprec_service.summaries import ModelSummary, StoreCounts
from autoprec_service.testing.factories import (
    PROFILE,
    STARTED_AT,
    make_asked,
    make_description,
    make_report,
    make_run,
    make_study,
    make_trial,
)

StoreOpener = Callable[[], Store]

_THREADS = 4
_LATE = STARTED_AT + timedelta(days=9)
_LATER = PROFILE.model_copy(update={"system": "Darwin"})


def _add(store: Store, *reports: Report, name: str = "node") -> int:
    """Add reports that were sent, and received by a clock an hour ahead, a minute after the last one was made."""
    sent_at = max(each.observed_at for each in reports) + timedelta(minutes=1)
    return store.add_reports(name, reports, sent_at=sent_at, received_at=sent_at + timedelta(hours=1))


class StoreContract:
    """Derive a class named `Test…` and give it a fixture `opener`: a function that opens the same place each time.

    The place is empty before each test. Stores that a test opens are closed by it.
    """

    def test_finds_nothing_in_a_new_place(self, opener: StoreOpener) -> None:
        """A new place is empty."""
        with opener() as store:
            assert store.studies() == []
            assert store.trials() == []
            assert store.study("study-a") is None
            assert store.trial("trial-a") is None

    def test_returns_a_study_as_it_was_saved(self, opener: StoreOpener) -> None:
        """Studies survive closing."""
        study = make_study()
        with opener() as store:
            store.save_study(study)
        with opener() as store:
            assert study == store.study(study.id)

    def test_replaces_a_study_that_went_on(self, opener: StoreOpener) -> None:
        """The last save wins."""
        later = make_study(status="complete", finished_at="2025-01-01T13:00:00Z", budget_seconds=120.0)
        with opener() as store:
            store.save_study(make_study())
            store.save_study(later)
            assert [later] == store.studies()

    @pytest.mark.parametrize("field", ["model_fingerprint", "workload_key", "hardware_key"])
    def test_refuses_to_replace_a_study_by_another_question(self, opener: StoreOpener, field: str) -> None:
        """What a study is about never changes."""
        with opener() as store:
            store.save_study(make_study())
            with pytest.raises(StoreConflictError, match=field):
                store.save_study(make_study(**{field: "other"}))
            assert [make_study()] == store.studies()

    def test_adds_trials_in_order(self, opener: StoreOpener) -> None:
        """Trials come back in the order in which they were added."""
        trials = [make_trial(id=name) for name in "cab"]
        with opener() as store:
            store.save_study(make_study())
            assert len(trials) == store.add_trials(trials)
            assert trials == store.trials()
            assert trials[0] == store.trial("c")

    def test_adds_a_trial_once(self, opener: StoreOpener) -> None:
        """The same trial again does nothing, in one call or in two."""
        trial = make_trial()
        with opener() as store:
            store.save_study(make_study())
            assert 1 == store.add_trials([trial, trial])  # noqa: SIM300 (expected first)
            assert 0 == store.add_trials([trial])  # noqa: SIM300 (expected first)
            assert [trial] == store.trials()

    def test_refuses_another_content_under_the_same_id(self, opener: StoreOpener) -> None:
        """A trial never changes, and nothing of a refused call is written."""
        with opener() as store:
            store.save_study(make_study())
            store.add_trials([make_trial(id="a")])
            with pytest.raises(StoreConflictError, match="'a'"):
                store.add_trials([make_trial(id="b"), make_trial(id="a", seconds=9.0)])
            assert [make_trial(id="a")] == store.trials()

    def test_refuses_a_trial_without_its_study(self, opener: StoreOpener) -> None:
        """The study comes first."""
        with opener() as store, pytest.raises(StoreConflictError, match="Save the study first"):
            store.add_trials([make_trial()])

    def test_keeps_numbers_that_are_none(self, opener: StoreOpener) -> None:
        """NaN and infinities in losses come back, and adding them again is still the same trial."""
        trial = make_trial(losses=(1.0, math.nan, math.inf, -math.inf), final_loss=math.nan)
        with opener() as store:
            store.save_study(make_study())
            store.add_trials([trial])
            (stored,) = store.trials()
            assert trial.model_dump_json() == stored.model_dump_json()
            assert 0 == store.add_trials([trial])  # noqa: SIM300 (expected first)

    def test_returns_a_trial_of_a_precision_that_is_not_installed(self, opener: StoreOpener) -> None:
        """A record stays readable where the plugin that made it is missing."""
        foreign = Candidate.model_construct(precision="posit-true", strategy="single", matmul_precision="highest")
        trial = make_trial().model_copy(update={"candidate": foreign})
        study = make_study().model_copy(update={"candidates": (foreign,)})
        with opener() as store:
            store.save_study(study)
            store.add_trials([trial])
            assert [trial] == store.trials(precision="posit-true")
            assert [study] == store.studies()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("study_id", "study-b"),
            ("model_fingerprint", "model-b"),
            ("hardware_key", "nvidia-x"),
            ("workload_key", "workload-b"),
            ("status", "oom"),
        ],
    )
    def test_filters_trials(self, opener: StoreOpener, name: str, value: str) -> None:
        """Each filter of trials is honoured."""
        asked: dict[str, Any] = {name: value}
        wanted = make_trial(id="wanted", **asked)
        with opener() as store:
            store.save_study(make_study())
            store.save_study(make_study(id="study-b"))
            store.add_trials([make_trial(), wanted])
            assert [wanted] == store.trials(**asked)
            assert store.trials(**{name: value}, precision="16-true") == []  # type: ignore[arg-type]

    def test_filters_trials_by_precision(self, opener: StoreOpener) -> None:
        """The precision of the candidate is a filter, too."""
        wanted = make_trial("bf16-mixed")
        with opener() as store:
            store.save_study(make_study())
            store.add_trials([make_trial(), wanted])
            assert [wanted] == store.trials(precision="bf16-mixed")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("model_fingerprint", "model-b"),
            ("hardware_key", "nvidia-x"),
            ("workload_key", "workload-b"),
            ("status", "complete"),
        ],
    )
    def test_filters_studies(self, opener: StoreOpener, name: str, value: str) -> None:
        """Each filter of studies is honoured."""
        asked: dict[str, Any] = {name: value}
        wanted = make_study(id="wanted", **asked)
        with opener() as store:
            store.save_study(make_study())
            store.save_study(wanted)
            assert [wanted] == store.studies(**asked)

    def test_pages_through_trials(self, opener: StoreOpener) -> None:
        """Pages follow each other without a gap, whatever is added meanwhile."""
        trials = [make_trial(id=str(number)) for number in range(5)]
        with opener() as store:
            store.save_study(make_study())
            store.add_trials(trials[:4])
            first = store.trials(limit=2)
            store.add_trials(trials[4:])
            second = store.trials(limit=2, after=first[-1].id)
            assert trials == first + second + store.trials(limit=2, after=second[-1].id)
            assert store.trials(after="4") == []

    def test_pages_through_studies(self, opener: StoreOpener) -> None:
        """Saving a study again does not move it."""
        studies = [make_study(id=str(number)) for number in range(3)]
        with opener() as store:
            for study in [*studies, studies[0]]:
                store.save_study(study)
            assert studies[:2] == store.studies(limit=2)
            assert studies[2:] == store.studies(after="1")

    def test_refuses_to_go_on_after_an_unknown_record(self, opener: StoreOpener) -> None:
        """A page after nothing would silently be the wrong one."""
        with opener() as store, pytest.raises(StoreError, match="no record 'lost'"):
            store.trials(after="lost")

    def test_refuses_a_negative_limit(self, opener: StoreOpener) -> None:
        """A negative limit is a mistake, not a wish for everything."""
        with opener() as store, pytest.raises(ValueError, match="limit=-1"):
            store.trials(limit=-1)

    def test_refuses_to_work_once_closed(self, opener: StoreOpener) -> None:
        """Closing twice is allowed, using a closed store is not."""
        store = opener()
        store.close()
        store.close()
        with pytest.raises(StoreError, match="is closed"):
            store.studies()

    def test_serves_several_threads(self, opener: StoreOpener) -> None:
        """Threads that share a store lose nothing."""
        with opener() as store, ThreadPoolExecutor(_THREADS) as pool:
            store.save_study(make_study())
            added = pool.map(lambda name: store.add_trials([make_trial(id=str(name))]), range(40))
            assert list(added) == [1] * 40
            assert {str(name) for name in range(40)} == {trial.id for trial in store.trials()}

    def test_shows_at_once_what_another_store_wrote(self, opener: StoreOpener) -> None:
        """Two stores on one place see each other's records."""
        with opener() as one, opener() as other:
            one.save_study(make_study())
            assert [make_study()] == other.studies()
            other.add_trials([make_trial()])
            assert [make_trial()] == one.trials()

    def test_reads_in_a_row_what_was_written_before(self, opener: StoreOpener) -> None:
        """Reads in a row see what another store wrote until they began, and the next ones what it wrote since."""
        with opener() as writing, opener() as other:
            for seconds in (1.0, 2.0):
                writing.save_study(make_study())
                writing.add_trials([make_trial(id=f"{seconds}", seconds=seconds)])
                with other.reading() as seen:
                    assert writing.study("study-a") == seen.study("study-a")
                    assert writing.trials() == seen.trials(study_id="study-a")
                    assert writing.outcomes() == seen.outcomes(model_fingerprint="model-a")

    def test_reads_in_a_row_nothing_of_another_tenant(self, opener: StoreOpener) -> None:
        """Several tenants read in turn, and within each other's reads."""
        with opener() as store:
            store.save_study(make_study())
            with store.for_tenant("b").reading() as theirs, store.reading() as ours:
                assert theirs.studies() == []
                assert [make_study()] == ours.studies()
                assert [make_study()] == theirs.for_tenant(store.tenant).studies()

    def test_reads_nothing_in_a_row_once_closed(self, opener: StoreOpener) -> None:
        """A closed store is no store in a row either."""
        store = opener()
        store.close()
        with pytest.raises(StoreError, match="closed"), store.reading() as seen:
            seen.studies()

    def test_knows_no_machine_in_a_new_place(self, opener: StoreOpener) -> None:
        """A machine is known from its first report on."""
        with opener() as store:
            assert store.node("node") is None
            assert store.nodes() == []
            assert store.reports("node") == []

    def test_keeps_the_reports_of_a_machine_as_they_arrive(self, opener: StoreOpener) -> None:
        """Reports survive closing, each machine has its own, and the latest is its current state."""
        reports = [make_report(1, profile=PROFILE), make_report(2, load=2.0)]
        with opener() as store:
            assert len(reports) == _add(store, *reports)
            assert _add(store, make_report(7), name="other") == 1
        with opener() as store:
            assert reports == store.reports("node")
            assert [each.name for each in store.nodes()] == ["node", "other"]
            node = store.node("node")
            assert node is not None
            assert node.profile == PROFILE
            assert reports[1].telemetry == node.telemetry

    def test_counts_a_report_once_however_often_it_arrives(self, opener: StoreOpener) -> None:
        """Whoever does not know whether a report got through sends it again."""
        with opener() as store:
            first = {make_report(1).id, make_report(2).id}
            assert len(first) == _add(store, make_report(1), make_report(1), make_report(2))
            assert _add(store, make_report(2), make_report(3)) == 1
            assert _add(store, make_report(3)) == 0
            assert [each.sequence for each in store.reports("node")] == [1, 2, 3]

    def test_gives_each_machine_ids_of_its_own(self, opener: StoreOpener) -> None:
        """Nobody can take an id away from another machine's reports."""
        with opener() as store:
            assert _add(store, make_report(1), name="one") == 1
            assert _add(store, make_report(1), name="other") == 1

    def test_lets_the_latest_look_win_whatever_arrives_last(self, opener: StoreOpener) -> None:
        """Late reports are kept and change no state that is known better."""
        with opener() as store:
            _add(store, make_report(5, load=5.0, profile=_LATER))
            _add(store, make_report(3, load=3.0, profile=PROFILE))
            node = store.node("node")
            assert node is not None
            assert node.telemetry is not None
            assert (node.telemetry.host.load_average, node.profile) == (5.0, _LATER)
            assert [each.sequence for each in store.reports("node")] == [5, 3]

    def test_keeps_the_history_of_profiles(self, opener: StoreOpener) -> None:
        """A report that tells the profile that is known is no change."""
        told = [PROFILE, None, PROFILE, _LATER, PROFILE]
        with opener() as store:
            for number, profile in enumerate(told):
                _add(store, make_report(number, profile=profile))
            assert [each.sequence for each in store.reports("node", kind="profile")] == [0, 3, 4]
            assert [each.sequence for each in store.reports("node", kind="telemetry")] == [1, 2]

    def test_tells_times_by_its_own_clock(self, opener: StoreOpener) -> None:
        """Senders' clocks may be wrong."""
        with opener() as store:
            _add(store, make_report(10))
            node = store.node("node")
            assert node is not None
            assert STARTED_AT + timedelta(hours=1, seconds=10) == node.latest.observed_at
            assert STARTED_AT + timedelta(hours=1, seconds=70) == node.last_seen_at

    def test_pages_through_machines_and_reports(self, opener: StoreOpener) -> None:
        """Machines come by name, reports as they arrived."""
        with opener() as store:
            for name in ("b", "c", "a"):
                _add(store, *map(make_report, range(3)), name=name)
            assert [each.name for each in store.nodes(limit=2)] == ["a", "b"]
            assert [each.name for each in store.nodes(after="b")] == ["c"]
            assert [each.sequence for each in store.reports("a", limit=2)] == [0, 1]
            assert [each.sequence for each in store.reports("a", after=make_report(1).id)] == [2]

    def test_refuses_pages_of_machines_that_cannot_be(self, opener: StoreOpener) -> None:
        """As of studies and trials."""
        with opener() as store:
            _add(store, make_report(1))
            with pytest.raises(StoreError, match="no report 'lost'"):
                store.reports("node", after="lost")
            with pytest.raises(ValueError, match="limit=-1"):
                store.nodes(limit=-1)
            with pytest.raises(ValueError, match="limit=-1"):
                store.reports("node", limit=-1)

    def test_loses_no_report_when_threads_add_them_at_once(self, opener: StoreOpener) -> None:
        """State and history stay one."""
        with opener() as store, ThreadPoolExecutor(_THREADS) as pool:
            numbers = range(41)
            added = pool.map(lambda number: _add(store, make_report(number), make_report(0)), numbers)
            assert len(numbers) == sum(added)
            assert set(numbers) == {each.sequence for each in store.reports("node")}
            node = store.node("node")
            assert node is not None
            assert max(numbers) == node.latest.sequence

    def test_shows_a_tenant_nothing_of_another(self, opener: StoreOpener) -> None:
        """Whatever is asked: by id, by filter, by search, by cursor."""
        with opener() as store:
            _fill(store, "ours")
            other = store.for_tenant("other")
            assert other.tenant == "other"
            assert [other.study("ours"), other.trial("ours"), other.node("ours"), other.description("ours")] == [
                None
            ] * 4
            assert [other.studies(), other.trials(), other.nodes(), other.reports("ours"), other.runs()] == [[]] * 5
            assert [other.outcomes(), other.descriptions(), other.recommendations(), other.changes()] == [[]] * 4
            assert [other.models(), other.models(search="ours"), other.hardware(), other.hardware(search="c")] == [
                []
            ] * 4
            assert other.counts() == StoreCounts(studies=0, trials=0, models=0, hardware=0, nodes=0)
            for page in (other.studies, other.trials, other.runs, other.recommendations, other.models, other.outcomes):
                with pytest.raises(StoreError, match="'ours'"):
                    page(after="ours")
            with pytest.raises(StoreError, match="no report"):
                other.reports("ours", after=make_report(1).id)

    def test_gives_each_tenant_ids_of_its_own(self, opener: StoreOpener) -> None:
        """The same ids may be used by two tenants, and what one writes changes nothing of the other's."""
        with opener() as store:
            other = store.for_tenant("other")
            _fill(store, "same")
            _fill(other, "same", model_fingerprint="theirs")
            assert {store.trials()[0].model_fingerprint, other.trials()[0].model_fingerprint} == {"same", "theirs"}
            other.save_study(make_study(id="same", model_fingerprint="theirs", status="complete"))
            assert store.studies()[0].status == "running"
            assert [each.fingerprint for each in store.models()] == ["same"]
            everything: tuple[PruneKind, ...] = ("telemetry", "superseded", "recommendations", "runs")
            other.prune(everything, before=STARTED_AT + timedelta(days=9))
            assert len(store.reports("same")) == len(store.runs()) == len(store.recommendations()) == 1

    def test_refuses_a_trial_for_the_study_of_another_tenant(self, opener: StoreOpener) -> None:
        """A study of another tenant is not there."""
        with opener() as store:
            store.save_study(make_study())
            with pytest.raises(StoreConflictError, match="Save the study first"):
                store.for_tenant("other").add_trials([make_trial()])

    @pytest.mark.parametrize("name", ["", "*", "a b", "a'b", "-a", "a" * 65])
    def test_refuses_what_is_no_name_of_a_tenant(self, opener: StoreOpener, name: str) -> None:
        """A name is short and plain."""
        with opener() as store, pytest.raises(StoreError, match="no name of a tenant"):
            store.for_tenant(name)

    def test_saves_studies_together_or_not_at_all(self, opener: StoreOpener) -> None:
        """One contradiction refuses the batch."""
        with opener() as store:
            assert store.save_studies([make_study(id="a"), make_study(id="b"), make_study(id="a")]) == len("ab")
            with pytest.raises(StoreConflictError, match="'a'"):
                store.save_studies([make_study(id="c"), make_study(id="a", hardware_key="other")])
            assert [each.id for each in store.studies()] == ["a", "b"]

    def test_returns_the_newest_first_if_asked(self, opener: StoreOpener) -> None:
        """Pages go on in the same direction."""
        with opener() as store:
            store.save_studies(make_study(id=name) for name in "abc")
            store.add_trials(make_trial(id=name, study_id="a") for name in "abc")
            assert [each.id for each in store.studies(newest_first=True, limit=2)] == ["c", "b"]
            assert [each.id for each in store.trials(newest_first=True, after="b")] == ["a"]

    def test_derives_outcomes_as_trials_arrive(self, opener: StoreOpener) -> None:
        """They say what the policy would, whatever the order and the batches in which trials come."""
        trials = [
            make_trial("bf16-mixed", phase="sprint", seconds=0.6, memory=2**29),
            make_trial(),
            make_trial("bf16-mixed", seconds=0.5, memory=2**29),
            make_trial("16-true", status="oom", seconds=None, memory=None, verdict=None),
        ]
        with opener() as store:
            store.save_study(make_study())
            for trial in trials[:3]:
                store.add_trials([trial])
            store.add_trials(trials)
            found = {each.candidate.precision: each for each in store.outcomes()}
            assert found == {each.candidate.precision: each for each in outcomes_of(trials)}
            assert (found["bf16-mixed"].speedup, found["bf16-mixed"].memory_ratio) == (2.0, 0.5)
            assert (found["bf16-mixed"].stable, found["16-true"].stable) == (True, None)
            assert found["16-true"].status == "oom"

    def test_pages_through_outcomes(self, opener: StoreOpener) -> None:
        """A page goes on after a trial that no longer decides, too."""
        with opener() as store:
            store.save_study(make_study())
            store.add_trials([make_trial(), make_trial("bf16-mixed", phase="sprint"), make_trial("16-mixed")])
            first = store.outcomes(limit=2)
            store.add_trials([make_trial("bf16-mixed")])
            rest = store.outcomes(after=first[-1].trial_id)
            assert len({each.candidate for each in (*first, *rest)}) == len(first) + len(rest)
            assert store.outcomes(hardware_key="other") == store.outcomes(mode="inference") == []
            assert store.outcomes(study_id="study-a") == store.outcomes(model_fingerprint="model-a")

    def test_sums_up_models_and_hardware(self, opener: StoreOpener) -> None:
        """Studies and trials are counted once, however often they are sent."""
        with opener() as store:
            for _ in range(2):
                store.save_studies([make_study(), make_study(id="b", hardware_key="other")])
                store.add_trials([make_trial(), make_trial("bf16-mixed", started_at=_LATE)])
            (model,) = store.models()
            assert model == ModelSummary(
                fingerprint="model-a",
                name="a small model",
                parameters=None,
                studies=2,
                trials=2,
                hardware_keys=("cpu-x86-2c", "other"),
                last_measured_at=_LATE,
            )
            assert [(each.key, each.studies, each.trials, each.models) for each in store.hardware()] == [
                ("cpu-x86-2c", 1, 2, 1),
                ("other", 1, 0, 1),
            ]
            assert store.counts() == StoreCounts(studies=2, trials=2, models=1, hardware=2, nodes=0)
            assert store.check() == []

    def test_calls_a_model_as_it_describes_itself(self, opener: StoreOpener) -> None:
        """A description may come before or after its studies."""
        described = make_description(model_fingerprint="model-a", name="My Model", parameters=7)
        with opener() as store:
            store.save_description(described)
            store.save_description(described)
            store.save_study(make_study())
            assert [described] == store.descriptions()
            assert store.description("model-a") == described
            assert [(each.name, each.parameters, each.studies) for each in store.models()] == [("My Model", 7, 1)]

    def test_searches_models_and_hardware(self, opener: StoreOpener) -> None:
        """By a part of name or key, whatever the case; wildcards are letters like any other."""
        with opener() as store:
            for name in ("Llama 8B", "llama_70b", "vit"):
                store.save_study(make_study(id=name, workload=name, model_fingerprint=name, hardware_key=f"key {name}"))
            assert [each.name for each in store.models(search="LLAMA")] == ["Llama 8B", "llama_70b"]
            assert [each.name for each in store.models(search="a_7")] == ["llama_70b"]
            assert store.models(search="%") == []
            assert store.hardware(search="x") == []
            assert [each.key for each in store.hardware(search="VIT")] == ["key vit"]
            assert [each.name for each in store.models(limit=1, after="Llama 8B")] == ["llama_70b"]
            assert [each.key for each in store.hardware(limit=1, after="key Llama 8B")] == ["key llama_70b"]

    def test_lists_hardware_that_only_reports(self, opener: StoreOpener) -> None:
        """Nothing need be measured on it."""
        with opener() as store:
            _add(store, make_report(1, profile=PROFILE))
            _add(store, make_report(1, profile=PROFILE), name="another")
            (found,) = store.hardware()
            assert (found.key, found.nodes, found.studies, found.last_measured_at) == (PROFILE.key, 2, 0, None)

    def test_tells_what_was_written_in_order(self, opener: StoreOpener) -> None:
        """A reader goes on where it stopped and misses nothing."""
        with opener() as store:
            assert store.last_change() == 0
            _fill(store, "one")
            seen = store.changes()
            assert {(each.kind, each.id) for each in seen} == {
                (each, "one") for each in ("study", "trial", "node", "run")
            }
            assert seen[-1].position == store.last_change()
            store.add_trials([make_trial(id="one", study_id="one", model_fingerprint="one")])
            assert store.changes(store.last_change()) == []
            store.add_trials([make_trial(id="two", study_id="one")])
            assert [each.id for each in store.changes(seen[-1].position, limit=1)] == ["two"]

    def test_keeps_recommendations_once(self, opener: StoreOpener) -> None:
        """Another content under a known id is refused."""
        with opener() as store:
            assert store.add_recommendations([make_asked("a"), make_asked("b"), make_asked("a")]) == len("ab")
            assert store.add_recommendations([make_asked("a")]) == 0
            with pytest.raises(StoreConflictError, match="'a'"):
                store.add_recommendations([make_asked("c"), make_asked("a", confidence=0.1)])
            assert [each.id for each in store.recommendations(newest_first=True)] == ["b", "a"]
            assert store.recommendations(hardware_key="other") == []

    def test_keeps_what_was_seen_last_of_a_run(self, opener: StoreOpener) -> None:
        """A late message changes nothing."""
        first, last = make_run("run"), make_run("run", seen_at=_LATE, ended_at=_LATE)
        with opener() as store:
            for run in (first, last, first):
                store.save_run(run)
            assert [last] == store.runs(ended=True)
            assert store.runs(ended=False) == store.runs(node="other") == []

    def test_prunes_what_is_old_and_nothing_else(self, opener: StoreOpener) -> None:
        """The evidence of the latest study of each question stays, and a dry run deletes nothing."""
        with opener() as store:
            for number, hardware in enumerate(("cpu-x86-2c", "cpu-x86-2c", "only")):
                study = make_study(id=str(number), status="complete", started_at=STARTED_AT, hardware_key=hardware)
                store.save_study(study.model_copy(update={"started_at": STARTED_AT + timedelta(hours=number)}))
                store.add_trials([make_trial(id=str(number), study_id=str(number), hardware_key=hardware)])
            store.save_study(make_study(id="running"))
            would = store.prune(["superseded"], before=_LATE, dry_run=True)
            assert would == Pruned(studies=1, trials=1)
            assert store.prune(["superseded"], before=STARTED_AT) == Pruned()
            assert len(store.trials()) == 3  # noqa: PLR2004 (as many as were added)
            assert would == store.prune(["superseded"], before=_LATE)
            assert [each.id for each in store.studies()] == ["1", "2", "running"]
            assert [each.id for each in store.trials()] == ["1", "2"]
            assert store.check() == []

    def test_prunes_reports_answers_and_runs(self, opener: StoreOpener) -> None:
        """A running run and a profile stay."""
        with opener() as store:
            _fill(store, "one")
            store.save_run(make_run("ended", ended_at=STARTED_AT))
            _add(store, make_report(7, profile=PROFILE), name="one")
            pruned = store.prune(["telemetry", "recommendations", "runs"], before=_LATE)
            assert Pruned(reports=1, recommendations=1, runs=1) == pruned
            assert [each.sequence for each in store.reports("one")] == [7]
            assert [each.id for each in store.runs()] == ["one"]

    def test_repairs_what_is_derived(self, opener: StoreOpener) -> None:
        """A sound place has no problem, before and after."""
        with opener() as store:
            _fill(store, "one")
            _fill(store.for_tenant("other"), "two")
            assert store.check() == store.check(repair=True) == []
            assert [each.fingerprint for each in store.models()] == ["one"]


def _fill(store: Store, name: str, **overrides: Any) -> None:
    """Add one record of each kind, with this id, about a model with this fingerprint unless told otherwise."""
    model: dict[str, Any] = {"model_fingerprint": name} | overrides
    store.save_study(make_study(id=name, **model))
    store.add_trials([make_trial(id=name, study_id=name, **model)])
    store.save_description(make_description(**model))
    store.add_recommendations([make_asked(name, **model)])
    store.save_run(make_run(name, **model))
    _add(store, make_report(1), name=name)
