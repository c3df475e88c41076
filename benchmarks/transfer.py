"""How good answers from near models are: each model is left out and asked about as if it had never been measured.

    python benchmarks/transfer.py --measure store.db [--budget 40] [--workloads mlp_tiny,mlp_1024]
    python benchmarks/transfer.py --store store.db [--json]
    python benchmarks/transfer.py --store store.db --record recorded.json

With `--measure`, models of the zoo, the examples and the families are described and studied on this machine, and kept
in a store; another call goes on where the last one ended. With `--store`, every described model of a store is left out
in turn and the answer held against what was measured of it: an answer is right where its candidate is stable and at
most 10 % slower than the fastest stable one. Printed are each answer, how many there are, how many are right, how
stated confidence compares with that, and how far expected speed-ups are off. With `--record`, descriptions, studies and
trials are written to a file, without what only a look at one study needs: tests are made of it.
"""

import argparse
import json
import math
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

import autoprec
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Constraints, Study
from autoprec_runner.trial import Mode, Trial
from autoprec_service.advice.calibration import Calibration
from autoprec_service.advice.confirming import calibrate, confirmed
from autoprec_service.advice.knowledge import Knowledge
from autoprec_service.advice.machines import machine_by_key
from autoprec_service.advice.subject import Subject
from autoprec_service.advice.target import Target
from autoprec_service.advice.transfers import transferred
from autoprec_service.outcome import Outcome
from autoprec_service.policy.predicted import Setting
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store, open_store
from table import ZOO

HERE = Path(__file__).resolve().parent
FAMILIES = (
    *("mlp_768", "mlp_1024", "mlp_1536"),
    *("encoder_256", "encoder_384", "encoder_512"),
    *("convolutions_64", "convolutions_96"),
)
EXAMPLES = ("digits_cnn", "digits_inference", "tabular_mlp", "char_transformer", "char_lstm", "gpt2_bytes")
WORKLOADS = {
    **{name: f"{HERE}/families.py:{name}" for name in FAMILIES},
    **{name: f"{HERE.parent}/examples/{name}.py:workload" for name in EXAMPLES},
    **{entry.name: entry.reference for entry in ZOO},
}
CANDIDATES = ("32-true", "bf16-mixed", "bf16-true", "16-mixed", "16-true", "64-true")
_KEPT_STEPS = ("32-true", "bf16-mixed")
_LEFT_OUT_OF_TRIALS = {
    *("losses", "final_loss", "parts", "memory_parts", "conditions", "effective_dtypes", "energy", "remedy"),
    *("samples_per_second", "tokens_per_second"),
}
_FOLDERS = re.compile(r"(?:/[\w.-]+)+/")
_MODES: tuple[Mode, ...] = ("train", "inference")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model that was left out, on one kind of hardware."""

    model: str
    hardware_key: str
    nearest: float | None
    """How far the nearest model that was asked is away; None where none was near enough."""
    answer: str | None
    confidence: float
    right: bool | None
    """None where there is no answer, or what was measured does not tell."""
    expected_speedup: float | None
    measured_speedup: float | None


def measure(store: Store, names: list[str], budget: float) -> None:
    """Describe and study workloads, each once."""
    for name in names:
        description = autoprec.describe(WORKLOADS[name])
        store.save_description(description)
        answer = autoprec.suggest(WORKLOADS[name], candidates=CANDIDATES, budget=budget, store=store, progress=False)
        print(f"{name}: {answer}, {', '.join(answer.circumstances)}", file=sys.stderr, flush=True)


def rows(store: Store, knowledge: Knowledge) -> Iterator[Row]:
    """Yield a row for each described model and kind of hardware that it was measured on."""
    for mode in _MODES:
        for fingerprint in knowledge.described(mode):
            subject = Subject(fingerprint=fingerprint, description=store.description(fingerprint), mode=mode)
            own = knowledge.outcomes(store, fingerprint, mode)
            for key in sorted({each.hardware_key for each in own}):
                here = [each for each in own if each.hardware_key == key]
                yield _row(store, knowledge, subject, Target(machine=machine_by_key(key)), here)


def _row(store: Store, knowledge: Knowledge, subject: Subject, target: Target, measured: list[Outcome]) -> Row:
    setting = Setting(
        objective="throughput",
        constraints=Constraints(),
        mode=subject.mode,
        hardware_key=target.key,
        model_fingerprint=subject.fingerprint,
        memory_bytes=None,
    )
    found = transferred(store, knowledge, subject, target, setting, knows_itself=False)
    answer = found.recommendation
    return Row(
        model=subject.name,
        hardware_key=target.key,
        nearest=round(found.near[0].distance, 2) if found.near else None,
        answer=str(answer.candidate) if answer.candidate else None,
        confidence=answer.confidence,
        right=confirmed(answer.candidate, measured) if answer.candidate else None,
        expected_speedup=answer.speedup.value if answer.speedup else None,
        measured_speedup=_measured(answer, measured),
    )


def _measured(answer: Recommendation, measured: list[Outcome]) -> float | None:
    return next((each.speedup for each in measured if each.candidate == answer.candidate), None)


def markdown(row: Row) -> str:
    """Return a row of the table."""
    verdict = {True: "right", False: "WRONG", None: ""}[row.right]
    speedups = [f"{each:.2f}" if each else "" for each in (row.expected_speedup, row.measured_speedup)]
    nearest = "" if row.nearest is None else f"{row.nearest:.2f}"
    cells = [row.model, nearest, row.answer or "none", f"{row.confidence:.2f}", verdict, *speedups]
    return f"| {' | '.join(cells)} |"


def summary(found: list[Row], calibration: Calibration) -> Iterator[str]:
    """Yield sentences about all rows."""
    answered = [each for each in found if each.answer]
    judged = [each for each in answered if each.right is not None]
    right = sum(each.right is True for each in judged)
    yield f"{len(answered)} of {len(found)} have an answer; {right} of the {len(judged)} that can be judged are right."
    errors = [
        abs(math.log(each.expected_speedup / each.measured_speedup))
        for each in answered
        if each.expected_speedup and each.measured_speedup and each.answer != "32-true"
    ]
    if errors:
        yield f"Speed-ups are off by a factor of {math.exp(statistics.median(errors)):.2f} in the median."
    yield f"Calibration: {calibration.method}, {calibration.n} answers about {calibration.models} models."
    for each in calibration.bins:
        yield f"  stated {each.stated:.2f}, confirmed {each.confirmed:.2f}, n = {each.n}"
    if calibration.brier_score is not None:
        yield f"  Brier score {calibration.brier_score:.3f} (a coin has 0.25)."


def record(store: Store) -> dict[str, Any]:
    """Return what a store holds of described models, as JSON, without what tests have no use for."""
    descriptions = store.descriptions(limit=1000, after=None)
    studies = [each for one in descriptions for each in store.studies(model_fingerprint=one.model_fingerprint)]
    trials = [each for study in studies for each in store.trials(study_id=study.id)]
    return {
        "descriptions": [_small_description(each) for each in descriptions],
        "studies": [_small_study(each) for each in studies],
        "trials": [_small_trial(each) for each in trials],
    }


def _small_description(description: ModelDescription) -> dict[str, Any]:
    cost = description.cost
    if cost is not None:
        cost = cost.model_copy(update={"steps": tuple(each for each in cost.steps if each.precision in _KEPT_STEPS)})
    return description.model_copy(update={"cost": cost}).model_dump(mode="json", exclude_defaults=True)


def _small_study(study: Study) -> dict[str, Any]:
    hardware = study.hardware.model_copy(update={"measured": ()}).without_identity()
    fields = study.model_copy(update={"hardware": hardware, "findings": ()})
    return fields.model_dump(mode="json", exclude_defaults=True, round_trip=True)


def _small_trial(trial: Trial) -> dict[str, Any]:
    """Return a trial without what was seen beside its figures, and without the folders of this machine."""
    stability = trial.stability.model_copy(update={"checks": ()}) if trial.stability else None
    software = {name: version for name, version in trial.software.items() if version}
    reason = _FOLDERS.sub("", trial.reason)
    kept = trial.model_copy(update={"software": software, "reason": reason, "stability": stability})
    return kept.model_dump(mode="json", exclude=_LEFT_OUT_OF_TRIALS, exclude_defaults=True)


def main() -> None:
    """Measure, or report on what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", metavar="STORE", help="describe and study workloads into a store")
    parser.add_argument("--store", help="report on the models of a store")
    parser.add_argument("--budget", type=float, default=40.0, help="seconds of each study (default 40)")
    parser.add_argument("--workloads", help="names with commas between them; all by default")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what the store holds to a file")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    given = parser.parse_args()
    names = given.workloads.split(",") if given.workloads else list(WORKLOADS)
    if unknown := [name for name in names if name not in WORKLOADS]:
        raise SystemExit(f"Unknown workloads: {', '.join(unknown)}. There are: {', '.join(WORKLOADS)}.")
    if not (given.measure or given.store):
        parser.error("give --measure STORE or --store STORE")
    with open_store(given.measure or given.store) as store:
        if given.measure:
            measure(store, names, given.budget)
        if given.record:
            given.record.write_text(json.dumps(record(store), sort_keys=True, separators=(",", ":")) + "\n")
        _report(store, as_json=given.json)


def _report(store: Store, *, as_json: bool) -> None:
    knowledge = Knowledge()
    knowledge.refresh(store)
    found, calibration = list(rows(store, knowledge)), calibrate(store, knowledge)
    if as_json:
        made_at = datetime.now(UTC).isoformat()
        whole = {"made_at": made_at, "rows": [asdict(each) for each in found], "calibration": calibration.model_dump()}
        print(json.dumps(whole))
        return
    print("| model | nearest | answer | confidence | verdict | expected | measured |\n|---|--:|---|--:|---|--:|--:|")
    print("\n".join(map(markdown, found)))
    print("\n".join(summary(found, calibration)))


if __name__ == "__main__":
    main()
