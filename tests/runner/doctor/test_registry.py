"""The rules as such, and rules of third parties."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autoprec_runner.doctor import registry
from autoprec_runner.doctor.case import TrialCase
from autoprec_runner.doctor.examine import examine_trials
from autoprec_runner.doctor.registry import Rule, Told, found_by, found_in_trials, found_statically, rule, rules
from autoprec_runner.errors import RuleError


def make_rule(**fields: Any) -> Rule:
    page = {"happens": "H.", "why": "W.", "found": "F.", "remedy": "R.", "references": ("https://example.org/1",)}
    return Rule(**{"id": "a-rule", "severity": "note", **page, **fields})


@pytest.mark.parametrize("each", rules(), ids=lambda each: each.id)
def test_a_page_is_complete(each: Rule) -> None:
    texts = (each.happens, each.why, each.found, each.remedy)
    assert [] == [text for text in texts if not text.endswith(".") or "  " in text]
    assert [] == [address for address in each.references if not address.startswith("https://")]
    assert found_by(each.id)


def test_rules_come_in_the_order_of_their_ids_and_are_found_by_them() -> None:
    ids = [each.id for each in rules()]
    assert sorted(set(ids)) == ids
    assert rules()[0] is rule(ids[0])


def test_an_unknown_rule_is_refused_with_those_there_are() -> None:
    with pytest.raises(RuleError, match=r"There is no rule 'adam'\. Rules: adam-eps-underflows, "):
        rule("adam")


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"id": "A rule"}, "joined by hyphens, not 'A rule'"), ({"references": ()}, "'a-rule' has no reference")],
)
def test_a_page_that_nobody_could_refer_to_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make_rule(**fields)


@pytest.mark.usefixtures("_own_registry")
def test_an_id_is_given_once() -> None:
    page = make_rule()
    found_in_trials(page)(lambda _: iter(()))
    found_statically(page)(lambda _: iter(()))
    assert ("static", "trial") == found_by("a-rule")
    with pytest.raises(RuleError, match="two rules with the id 'a-rule'"):
        found_in_trials(page)(lambda _: iter(()))
    with pytest.raises(RuleError, match="two rules with the id 'a-rule'"):
        found_statically(make_rule())(lambda _: iter(()))


@pytest.mark.usefixtures("_own_registry")
def test_a_third_partys_rule_finds_as_ours_do() -> None:
    page = make_rule()

    @found_in_trials(page)
    def always(case: TrialCase) -> Iterator[Told]:
        yield Told(sentence=f"{len(case.trials)} trials.")

    found = [each for each in examine_trials([]) if each.id == "a-rule"]
    assert [("note", "trial", "0 trials.", "R.", page.references)] == [
        (each.severity, each.found_by, each.sentence, each.remedy, each.references) for each in found
    ]


@pytest.mark.usefixtures("_own_registry")
def test_a_rule_that_fails_costs_nobody_the_study() -> None:
    @found_in_trials(make_rule(severity="error"))
    def failing(_: TrialCase) -> Iterator[Told]:
        yield Told(sentence="Never told.")
        raise KeyError("x")

    told = [(each.severity, each.sentence) for each in examine_trials([]) if each.id == "a-rule"]
    assert [("note", "This rule could not be checked: KeyError: 'x'.")] == told


def test_a_third_party_that_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise ImportError("no module named 'gone'")

    monkeypatch.setattr(registry, "entry_points", lambda **_: [SimpleNamespace(value="gone.rules", load=load)])
    with pytest.warns(UserWarning, match=r"rules of gone\.rules cannot be loaded: ImportError"):
        registry._load.__wrapped__()


def test_rules_are_declared_under_an_entry_point_group(tmp_path: Path) -> None:
    information = tmp_path / "others-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[autoprec.doctor]\nothers = others_rules\n")
    (tmp_path / "others_rules.py").write_text(
        "from autoprec_runner.doctor.registry import Rule, found_in_trials\n"
        "PAGE = Rule(id='others-rule', severity='note', happens='H.', why='W.', found='F.', remedy='R.',\n"
        "            references=('https://example.org/1',))\n"
        "found_in_trials(PAGE)(lambda case: iter(()))\n",
    )
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from autoprec_runner.doctor.registry import rules\n"
        "print('others-rule' in [each.id for each in rules()], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "True False" == done.stdout.strip()
