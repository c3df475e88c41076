"""Asking every rule about one study."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from autoprec_probe.candidate import Candidate, Device, Strategy
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.doctor.case import StaticCase, TrialCase
from autoprec_runner.doctor.finding import Finding, FoundBy, Severity
from autoprec_runner.doctor.registry import Rule, Told, rule, static_checks, trial_checks
from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.trial import Trial

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")


def examine(
    traits: WorkloadTraits,
    *,
    profile: HardwareProfile,
    device: Device,
    strategy: Strategy,
    candidates: Sequence[Candidate],
    asked_for: bool,
) -> tuple[Finding, ...]:
    """Return what can be told of a workload and its candidates before any trial, the worst first.

    An error of a candidate that nobody has named is a warning: a study finds its way around that candidate.
    """
    case = StaticCase(
        profile=profile,
        device=device,
        strategy=strategy,
        candidates=tuple(candidates),
        asked_for=asked_for,
        traits=traits,
    )
    found = _ask(static_checks(), case, "static")
    return _sorted(each if asked_for else _softened(each) for each in found)


def examine_trials(trials: Sequence[Trial], traits: WorkloadTraits | None = None) -> tuple[Finding, ...]:
    """Return what the trials of a study have shown, the worst first."""
    return _sorted(_ask(trial_checks(), TrialCase(trials=tuple(trials), traits=traits), "trial"))


def _ask(checks: Mapping[str, Callable[[Any], Iterator[Told]]], case: object, found_by: FoundBy) -> Iterator[Finding]:
    for rule_id, check in checks.items():
        page = rule(rule_id)
        try:
            yield from [_finding(page, told, found_by) for told in check(case)]
        except Exception as error:  # noqa: BLE001 (a third party's rule can fail in any way, and is not worth a study)
            failed = Told(
                sentence=f"This rule could not be checked: {type(error).__name__}: {error}.",
                remedy="Report it to whoever provides the rule.",
            )
            yield _finding(page, failed, found_by).model_copy(update={"severity": "note"})


def _finding(page: Rule, told: Told, found_by: FoundBy) -> Finding:
    return Finding(
        id=page.id,
        severity=page.severity,
        found_by=found_by,
        sentence=told.sentence,
        remedy=told.remedy or page.remedy,
        references=page.references,
        candidates=told.candidates,
    )


def _softened(finding: Finding) -> Finding:
    is_mild = finding.severity != "error" or not finding.candidates
    return finding if is_mild else finding.model_copy(update={"severity": "warning"})


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda each: (_ORDER.index(each.severity), each.id)))
