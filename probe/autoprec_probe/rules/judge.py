"""The way to a verdict: first what refuses a candidate on any hardware, then the rule for the hardware."""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.gates import GATES
from autoprec_probe.rules.measured import with_measurement
from autoprec_probe.rules.registry import rule_for
from autoprec_probe.verdict import Verdict


def judge(case: Case) -> Verdict:
    """Return the verdict of the first gate that refuses, else that of the platform's rule, as far as measured."""
    refusals = (gate(case) for gate in GATES)
    refusal = next((each for each in refusals if each is not None), None)
    return refusal or with_measurement(case, rule_for(case)(case))
