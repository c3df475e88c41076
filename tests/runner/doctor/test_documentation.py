"""`docs/doctor.md` has every rule, and every test that it names is there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from machines import H100

from autoprec_runner.doctor.finding import Finding
from autoprec_runner.doctor.pages import page, table
from autoprec_runner.doctor.registry import Rule, rules

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
NAMED_TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize("rule", rules(), ids=lambda each: each.id)
def test_a_rule_is_documented_as_it_explains_itself(rule: Rule) -> None:
    assert page(rule) in TEXT, "print the pages with: python -m autoprec_runner.doctor.pages"


def test_the_table_is_complete_and_no_other_rule_is_documented() -> None:
    assert table() in TEXT
    assert [each.id for each in rules()] == re.findall(r"^### (\S+)$", TEXT, re.MULTILINE)


def test_every_report_of_a_user_is_met_by_a_rule_or_by_design() -> None:
    reports = TEXT.partition("| what happened | met by |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    known = {each.id for each in rules()}
    named = [set(re.findall(r"`([a-z0-9-]+)`", line)) for line in reports]
    assert 32 == len(reports)
    assert known == set().union(*named)
    assert [] == [line for line, ids in zip(reports, named, strict=True) if not ids and "`tests/" not in line]


@pytest.mark.usefixtures("_own_registry")
def test_the_example_of_a_rule_of_ones_own_finds_something(examine: Callable[..., tuple[Finding, ...]]) -> None:
    exec(TEXT.partition("```python\n")[2].partition("```")[0], {})  # noqa: S102 (our own documentation)
    assert "our-odd-batches" not in {each.id for each in examine("adam", H100)}
    assert ["A step has 25 rows."] == [each.sentence for each in examine("odd", H100) if each.id == "our-odd-batches"]


@pytest.mark.parametrize(("file", "name"), NAMED_TESTS)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
