"""Every rule of the doctor: ours and third parties' come through the same two decorators.

A third party registers its rules in a module and declares that module under the entry-point group `autoprec.doctor`.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TypeVar

from autoprec_runner.doctor.case import StaticCase, TrialCase
from autoprec_runner.doctor.finding import FoundBy, Severity
from autoprec_runner.errors import RuleError

ENTRY_POINT_GROUP = "autoprec.doctor"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The page of one rule: what `autoprec doctor --explain` shows, and what all its findings have in common.

    Raises:
        RuleError: The id is not in kebab case, or there is no reference.
    """

    id: str
    severity: Severity
    happens: str
    """What goes wrong, in one sentence."""
    why: str
    found: str
    """How it is found, in one or two sentences."""
    remedy: str
    references: tuple[str, ...]
    """Addresses where others have reported it."""

    def __post_init__(self) -> None:
        """Refuse a page that nobody could refer to or check."""
        if not _ID.fullmatch(self.id):
            raise RuleError(f"A rule's id is words in lower case joined by hyphens, not {self.id!r}.")
        if not self.references:
            raise RuleError(f"The rule {self.id!r} has no reference. Give an address where it can be checked.")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a rule's function has found; whatever else a finding holds follows from the rule."""

    sentence: str
    remedy: str | None = None
    """What to do here; None for the rule's own remedy."""
    candidates: tuple[str, ...] = ()


StaticCheck = Callable[[StaticCase], Iterator[Told]]
TrialCheck = Callable[[TrialCase], Iterator[Told]]
_Check = TypeVar("_Check", StaticCheck, TrialCheck)

_RULES: dict[str, Rule] = {}
_STATIC: dict[str, StaticCheck] = {}
_TRIAL: dict[str, TrialCheck] = {}


def found_statically(rule: Rule) -> Callable[[StaticCheck], StaticCheck]:
    """Register the decorated function as the one that finds a rule before any trial.

    Raises:
        RuleError: Another rule has the id, or it is found statically already.
    """
    return lambda check: _register(rule, check, _STATIC)


def found_in_trials(rule: Rule) -> Callable[[TrialCheck], TrialCheck]:
    """Register the decorated function as the one that finds a rule in the trials of a study.

    Raises:
        RuleError: Another rule has the id, or it is found in trials already.
    """
    return lambda check: _register(rule, check, _TRIAL)


def _register(rule: Rule, check: _Check, checks: dict[str, _Check]) -> _Check:
    if _RULES.setdefault(rule.id, rule) is not rule or rule.id in checks:
        raise RuleError(f"There are two rules with the id {rule.id!r}. Give one of them another id.")
    checks[rule.id] = check
    return check


def rules() -> tuple[Rule, ...]:
    """Return every rule that is installed here, by id."""
    _load()
    return tuple(_RULES[each] for each in sorted(_RULES))


def rule(rule_id: str) -> Rule:
    """Return a rule by its id.

    Raises:
        RuleError: There is none; the message lists those that there are.
    """
    _load()
    if rule_id not in _RULES:
        raise RuleError(f"There is no rule {rule_id!r}. Rules: {', '.join(sorted(_RULES))}.")
    return _RULES[rule_id]


def static_checks() -> MappingProxyType[str, StaticCheck]:
    """Return the functions that find something before any trial, by the id of their rule."""
    _load()
    return MappingProxyType(_STATIC)


def trial_checks() -> MappingProxyType[str, TrialCheck]:
    """Return the functions that find something in trials, by the id of their rule."""
    _load()
    return MappingProxyType(_TRIAL)


def found_by(rule_id: str) -> tuple[FoundBy, ...]:
    """Return where a rule can be found."""
    _load()
    return (*(("static",) if rule_id in _STATIC else ()), *(("trial",) if rule_id in _TRIAL else ()))


@cache
def _load() -> None:
    """Import our rules, then third parties'; one that cannot be imported costs its own rules, and a warning."""
    import_module("autoprec_runner.doctor.rules")
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            point.load()
        except Exception as error:  # noqa: BLE001 (a third party's module can fail in any way)
            warnings.warn(
                f"The doctor's rules of {point.value} cannot be loaded: {type(error).__name__}: {error}. Repair or "
                "uninstall the package that provides them.",
                stacklevel=2,
            )
