"""Which rule answers for which platform and number format."""

from collections.abc import Callable

from autoprec_probe.rules.case import Case, NumberFormat, Platform
from autoprec_probe.verdict import Verdict

Rule = Callable[[Case], Verdict]

_RULES: dict[tuple[Platform, NumberFormat], Rule] = {}
_MATMUL_RULES: dict[Platform, Rule] = {}


def rule(platform: Platform, *formats: NumberFormat) -> Callable[[Rule], Rule]:
    """Register the decorated function as the one that judges these number formats on a platform."""

    def register(function: Rule) -> Rule:
        for each in formats:
            assert (platform, each) not in _RULES, f"two rules for {each} on {platform}"
            _RULES[platform, each] = function
        return function

    return register


def matmul_rule(platform: Platform) -> Callable[[Rule], Rule]:
    """Register the decorated function as the one that judges `32-true` with a lower matmul precision on a platform."""

    def register(function: Rule) -> Rule:
        assert platform not in _MATMUL_RULES, f"two matmul rules for {platform}"
        _MATMUL_RULES[platform] = function
        return function

    return register


def rule_for(case: Case) -> Rule:
    """Return the rule that judges this case."""
    if case.candidate.matmul_precision != "highest":
        return _MATMUL_RULES[case.platform]
    return _RULES[case.platform, case.number_format]
