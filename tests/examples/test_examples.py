"""The examples: each trains, and is the same each time it is loaded."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from autoprec_runner.workload import FactorySource
from autoprec_runner.workload.task import Task, resolve

EXAMPLES = Path(__file__).parents[2] / "examples"
HELPERS = {"corpus"}
TRAINING = ["char_lstm", "char_transformer", "digits_cnn", "gpt2_bytes", "tabular_mlp"]
INFERENCE = ["digits_inference"]
SCRIPTS = ["train_digits"]
NEEDS = {"digits_cnn": "sklearn", "digits_inference": "sklearn", "tabular_mlp": "sklearn", "gpt2_bytes": "transformers"}

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries, while they are imported


@pytest.fixture(autouse=True)
def _imports_stay_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def _task(name: str) -> Task:
    pytest.importorskip(NEEDS.get(name, "torch"))
    return resolve(FactorySource(f"{EXAMPLES / name}.py:workload").load(seed=0), seed=0)


def _losses(task: Task, steps: int) -> list[float]:
    torch.manual_seed(0)
    optimizer, losses = task.make_optimizer(task.model), []
    assert task.loss_of is not None
    for _ in range(steps):
        loss = task.loss_of(task.model, task.batches[0])
        losses.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    return losses


def test_every_example_is_tested() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted([*TRAINING, *INFERENCE, *SCRIPTS, *HELPERS])


@pytest.mark.parametrize("name", TRAINING)
def test_an_example_learns_the_same_each_time(name: str) -> None:
    task = _task(name)
    losses = _losses(task, 4)
    assert losses[-1] < losses[0]
    again = _task(name)
    assert task.key == again.key
    assert losses == pytest.approx(_losses(again, 4), rel=1e-5)


@pytest.mark.parametrize("name", INFERENCE)
def test_an_example_answers_the_same_each_time(name: str) -> None:
    task, again = _task(name), _task(name)
    assert "inference" == task.mode
    with torch.inference_mode():
        output, expected = task.output_of(task.model, task.batches[0]), again.output_of(again.model, again.batches[0])
    torch.testing.assert_close(expected, output, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_a_script_trains_in_the_precision_that_is_chosen(precision: str) -> None:
    pytest.importorskip("sklearn")
    command = ["-c", "import sys; from autoprec.cli import main; sys.exit(main())", "run", "--precision", precision]
    done = subprocess.run(
        [sys.executable, *command, str(EXAMPLES / "train_digits.py"), "--epochs", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    accuracies = [float(each) for each in re.findall(rf"([0-9.]+)% right, in {precision}", done.stdout)]
    assert 2 == len(accuracies)
    assert accuracies[0] < accuracies[1]


def test_the_digits_are_read_after_training() -> None:
    task = _task("digits_inference")
    images, classes = task.batches[0]
    with torch.inference_mode():
        assert (task.output_of(task.model, task.batches[0]).argmax(-1) == classes).float().mean().item() > 0.8
    assert 256 == len(images)


def test_the_text_is_english() -> None:
    task = _task("char_lstm")
    assert " the " in bytes(torch.cat([each[0] for each in task.batches]).flatten().tolist()).decode(errors="replace")
