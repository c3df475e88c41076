"""The example plugin: the contract, twenty steps, the command line, a real study."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("torchao", reason="needs torchao")
pytest.importorskip("autoprec_torchao_float8", reason="needs the example package installed")

import autoprec
from autoprec.cli import main
from autoprec_probe import Candidate, probe
from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile, Software
from autoprec_runner.engine import Engine
from autoprec_runner.errors import IncompatibleError, MissingPackageError, PrecisionError
from autoprec_runner.precision import Precision
from autoprec_runner.search.screen import default_candidates
from autoprec_runner.testing import PrecisionContract
from autoprec_torchao_float8 import Float8Precision

STRING = "float8-torchao"
BUDGET_SECONDS = 40.0
STEPS = 20


class TestFloat8Precision(PrecisionContract):
    width = 16

    def make(self) -> Precision:
        return Float8Precision(emulate=True)


class Classifier(nn.Module):
    """Two layers that fit FP8, and a head of 10 classes, which does not."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 64))
        self.head = nn.Linear(64, 10)
        self.inside: set[torch.dtype] = set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.body(x)
        self.inside |= {x.dtype, hidden.dtype}
        logits: torch.Tensor = self.head(hidden)
        return logits


def profile(*, torchao: str | None = "0.18.0", capability: tuple[int, int] | None = None) -> HardwareProfile:
    gpus = (Accelerator(kind="cuda", index=0, vendor="NVIDIA", compute_capability=capability),) if capability else ()
    software = Software(python="3.12", packages={"torchao": torchao, "torch": "2.13.0"})
    return HardwareProfile(system="Linux", cpu=Cpu(architecture="x86_64"), accelerators=gpus, software=software)


def test_twenty_steps_in_the_numbers_of_fp8() -> None:
    engine = Engine(STRING, accelerator="cpu")
    model = Classifier()
    x = torch.randn(64, 32, generator=torch.Generator().manual_seed(1))
    reference, expected = model.body(x).detach(), dict(model.named_parameters())
    model, optimizer = engine.setup(model, torch.optim.AdamW(model.parameters(), lr=5e-3, eps=1e-4))
    assert list(expected) == [name for name, each in model.named_parameters() if each is expected[name]]
    assert torch.float32 == model(x).dtype
    error = (model.body(x.bfloat16()) - reference).norm() / reference.norm()
    assert 0.01 < error < 0.1  # E4M3 has 3 bits behind the point, bfloat16 has 7
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), x[:, :10].argmax(1))
        engine.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert {torch.bfloat16} == model.inside == {each.grad.dtype for each in model.parameters()}
    assert {torch.bfloat16} == {each["exp_avg"].dtype for each in optimizer.state.values()}
    effective = engine.effective_dtypes(model, optimizer)
    assert ("emulated float8_e4m3fn, bfloat16", "bfloat16") == (effective.compute, effective.parameters)


def test_layers_that_do_not_fit_are_left_and_reported() -> None:
    plugin = Float8Precision(emulate=True)
    model = plugin.convert_module(Classifier())
    assert type(model.head) is nn.Linear
    assert plugin.report == (
        "float8-torchao converted 2 of 3 Linear layers. Kept in bfloat16: `head` (64 inputs, 10 outputs: no multiples "
        "of 16)."
    )


@pytest.mark.parametrize("model", [nn.Linear(4, 4), nn.GELU()])
def test_a_model_without_a_layer_that_fits_is_refused(model: nn.Module) -> None:
    with pytest.raises(IncompatibleError, match="no linear layer"):
        Float8Precision(emulate=True).convert_module(model)


def test_a_root_layer_is_converted_and_keeps_its_hooks() -> None:
    layer = nn.Linear(16, 16).eval()
    calls = []
    layer.register_forward_hook(lambda *_: calls.append("hook"))
    converted = Float8Precision(emulate=True).convert_module(layer)
    converted(torch.ones(16, 16, dtype=torch.bfloat16))
    assert converted is layer
    assert type(converted).__name__ == "Float8Linear"
    assert (["hook"], False) == (calls, converted.training)


@pytest.mark.parametrize(
    ("machine", "options", "level"),
    [
        (profile(), {}, "emulated"),
        (profile(capability=(9, 0)), {}, "native"),
        (profile(capability=(7, 0)), {}, "emulated"),
        (profile(capability=(9, 0)), {"emulate": True}, "emulated"),
        (profile(torchao=None), {}, "missing-package"),
        (profile(), {"strategy": "fsdp"}, "unsupported"),
    ],
)
def test_the_plugin_answers_for_its_support(machine: HardwareProfile, options: dict[str, Any], level: str) -> None:
    verdict = Float8Precision.supports(Candidate(precision=STRING, **options), machine)
    assert level == verdict.level
    assert verdict.reason
    assert verdict.remedy or level == "native"


def test_without_torchao_the_pip_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao.float8", None)
    with pytest.raises(MissingPackageError, match="pip install torchao"):
        Float8Precision(emulate=True).convert_module(Classifier())


def test_it_is_listed_with_its_verdict(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["precisions", "--json"]) == 0
    listed = {each["candidate"]["precision"]: each for each in json.loads(capfd.readouterr().out)}
    assert listed[STRING]["level"] in {"native", "emulated"}
    machine = probe()
    defaults = default_candidates(machine, machine.default_device, "single")
    assert STRING in [each.precision for each in defaults]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine where it is emulated")
def test_a_study_tries_it_and_recommends_no_speed_that_it_does_not_have(tmp_path: Path) -> None:
    tried = [Candidate(precision=STRING), Candidate(precision="bf16-true")]
    answer = autoprec.suggest(
        f"{Path(__file__).with_name('workloads.py')}:regression",
        candidates=tried,
        budget=BUDGET_SECONDS,
        store=tmp_path / "trials.db",
    )
    trials = [each for each in answer.trials if each.candidate == tried[0]]
    assert {"emulated"} == {each.support for each in trials}
    assert answer.precision not in {None, STRING}
    assert tried[0] in {
        *(each.candidate for each in answer.alternatives),
        *(each.candidate for each in answer.rejected),
    }


def test_its_emulation_is_judged_for_stability_and_not_timed(tmp_path: Path) -> None:
    candidate = Candidate(precision=STRING, emulate=True)
    answer = autoprec.suggest(
        f"{Path(__file__).with_name('workloads.py')}:regression",
        candidates=[candidate],
        budget=BUDGET_SECONDS,
        store=tmp_path / "trials.db",
    )
    trials = [each for each in answer.trials if each.candidate == candidate]
    assert ["sprint", "verify"] == [each.phase for each in trials]
    assert {None} == {each.step_time for each in trials}
    assert answer.candidate != candidate
    assert trials[-1].effective_dtypes is not None
    assert "emulated float8_e4m3fn, bfloat16" == trials[-1].effective_dtypes.compute


def test_a_string_that_it_does_not_provide_is_unknown() -> None:
    with pytest.raises(PrecisionError, match=f"Did you mean '{STRING}'"):
        Engine("float8-torcho", accelerator="cpu")
