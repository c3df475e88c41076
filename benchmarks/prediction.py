"""Predicted against measured, on this machine: step time and peak memory of eight models in each core precision.

Measures the rates of the device, follows every model's step without computing it, predicts, and then measures each
candidate in a trial of its own, in interleaved rounds. Prints for each model the rank correlation of speed, whether the
predicted best is the measured best or within 10 % of it, and the error of peak memory. Run it on an idle machine; with
`--json FILE` costs, rates and measurements are kept, with `--from FILE` they are predicted anew without measuring.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from autoprec_probe import Candidate, HardwareProfile, probe
from autoprec_probe.profile import MeasuredRate
from autoprec_runner.costing.session import workload_cost
from autoprec_runner.isolation.forkserver import ForkServer, shared_forkserver
from autoprec_runner.isolation.neighbours import busy_cores
from autoprec_runner.prediction.cost import WorkloadCost
from autoprec_runner.prediction.predict import predict
from autoprec_runner.prediction.prediction import Prediction
from autoprec_runner.prediction.rates import measured_rates
from autoprec_runner.rates.measure import better, measure_rates, rates_worker
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import Setting, TrialSession
from autoprec_runner.workload import Workload
from autoprec_runner.workload.factory import FactorySource

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MODELS = {
    "digits CNN": f"{EXAMPLES}/digits_cnn.py:workload",
    "digits inference": f"{EXAMPLES}/digits_inference.py:workload",
    "tabular MLP": f"{EXAMPLES}/tabular_mlp.py:workload",
    "char transformer": f"{EXAMPLES}/char_transformer.py:workload",
    "char LSTM": f"{EXAMPLES}/char_lstm.py:workload",
    "GPT-2 on bytes": f"{EXAMPLES}/gpt2_bytes.py:workload",
    "residual net": f"{__file__}:residual_net",
    "wide encoder, inference": f"{__file__}:wide_encoder",
}
CANDIDATES = tuple(
    Candidate(precision=each) for each in ("32-true", "bf16-mixed", "bf16-true", "64-true", "16-mixed", "16-true")
)
CUT_OFF = 8.0
"""A candidate whose step takes so many times that of fp32 is cut off, as a study would do it."""
STARTING_SECONDS = 120.0
WITHIN = 1.1


class Residual(nn.Module):
    """Two convolutions with batch norm, and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return activations float[B, C, H, W] for activations of the same shape."""
        return torch.relu(images + self.body(images))


def residual_net() -> Workload:
    """Return a small residual network for images of 32x32, trained with SGD."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), Residual(64), nn.MaxPool2d(2), Residual(64), nn.AvgPool2d(16), nn.Flatten(),
        nn.Linear(64, 10),
    )  # fmt: skip
    batch = torch.randn(32, 3, 32, 32, generator=generator), torch.randint(0, 10, (32,), generator=generator)
    return Workload(
        model=model, batch=batch, loss=nn.CrossEntropyLoss(), optimizer=lambda own: torch.optim.SGD(own, 0.1, 0.9)
    )


def wide_encoder() -> Workload:
    """Return a transformer encoder of some width that serves a batch of embedded passages."""
    layer = nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True, activation="gelu")
    model = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    batch = torch.randn(8, 128, 512, generator=torch.Generator().manual_seed(0))
    return Workload(model=model, batch=batch, mode="inference")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a trial found of one candidate; seconds are None where it was cut off or failed."""

    precision: str
    seconds: float | None
    peak_bytes: int | None
    why: str = ""


def measure(server: ForkServer, source: str, rounds: int) -> list[Measured]:
    """Return step times and peaks of all candidates, from trials in interleaved rounds."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        setting = Setting(
            source=source, mode=None, device="cpu", seed=0, sys_path=tuple(sys.path), folder=os.getcwd(),  # noqa: PTH109
            temporary=folder,
        )  # fmt: skip
        found: dict[str, TrialSession] = {}
        lost: dict[str, Measured] = {}
        limit = math.inf
        for candidate in CANDIDATES:
            session = stack.enter_context(TrialSession(server, setting, candidate, memory_limit_bytes=8 * 2**30))
            try:
                session.prepare(timeout_seconds=STARTING_SECONDS)
                session.observe(steps=1, max_seconds=STARTING_SECONDS, timeout_seconds=min(limit, STARTING_SECONDS))
                timeout = min(limit, STARTING_SECONDS)
                session.warm_up(max_steps=8, max_seconds=2.0, timeout_seconds=timeout)
            except TrialFailedError as failure:
                lost[candidate.precision] = Measured(
                    precision=candidate.precision, seconds=None, peak_bytes=None, why=f"{failure.status}: {failure}"
                )
                continue
            found[candidate.precision] = session
            if candidate.precision == "32-true":
                limit = max(2.0, 3 * CUT_OFF * session.evidence.typical_seconds)
        _race(found, rounds)
        return [lost.get(each.precision) or _measured(found[each.precision]) for each in CANDIDATES]


def _race(found: dict[str, TrialSession], rounds: int) -> None:
    slow = CUT_OFF * found["32-true"].evidence.typical_seconds
    racing = [each for each in found.values() if each.evidence.typical_seconds < slow]
    for _ in range(rounds):
        for session in racing:
            session.time_round(max_steps=20, max_seconds=0.4, timeout_seconds=STARTING_SECONDS)


def _measured(session: TrialSession) -> Measured:
    evidence = session.evidence
    rounds = evidence.rounds[1:] or evidence.rounds
    # Neighbours only ever add time: the fastest tenth of the steps is the least disturbed.
    steps = sorted(second for each in rounds for second in each)
    return Measured(
        precision=session.candidate.precision,
        seconds=steps[len(steps) // 10],
        peak_bytes=evidence.peak_memory_bytes,
    )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One model, predicted and measured."""

    name: str
    cost: WorkloadCost
    measured: list[Measured]


def rank_correlation(ours: list[float], theirs: list[float]) -> float:
    """Return Spearman's coefficient of two series without ties."""
    ranks = [[sorted(each).index(value) for value in each] for each in (ours, theirs)]
    count = len(ours)
    apart = sum((one - other) ** 2 for one, other in zip(*ranks, strict=True))
    return float(1 - 6 * apart / (count**3 - count))


def report(comparisons: list[Comparison], rates: tuple[MeasuredRate, ...], profile: HardwareProfile) -> None:
    """Print the tables and the sums."""
    known = measured_rates(rates, "cpu", memory_bytes=profile.cpu.memory_total_bytes)
    assert known is not None, "the rates of fp32 were measured"
    hits, spearman, memory_errors, speed_errors, step_errors = 0, [], [], [], []
    print(
        "| model | precision | step, predicted | measured | speed-up, predicted | measured "
        "| peak, predicted | measured |",
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for each in comparisons:
        predictions = {one.candidate.precision: one for one in predict(each.cost, known, CANDIDATES)}
        reference = next(one.seconds for one in each.measured if one.precision == "32-true")
        both: list[tuple[Prediction, Measured]] = []
        for found in each.measured:
            guess = predictions[found.precision]
            print(f"| {each.name} | {found.precision} | {_row(guess, found, reference)} |")
            if guess.step_seconds and found.seconds and guess.peak_memory_bytes and found.peak_bytes and guess.speedup:
                both.append((guess, found))
        times = [
            (guess.step_seconds.value, found.seconds) for guess, found in both if guess.step_seconds and found.seconds
        ]
        spearman.append(rank_correlation([one for one, _ in times], [other for _, other in times]))
        hits += min(times)[1] <= WITHIN * min(other for _, other in times)
        step_errors += [math.log(one / other) for one, other in times]
        assert reference is not None, "fp32 runs"
        speed_errors += [
            math.log(guess.speedup.value / (reference / found.seconds))
            for guess, found in both
            if guess.speedup and found.seconds and found.precision != "32-true"
        ]
        memory_errors += [
            guess.peak_memory_bytes.value / found.peak_bytes - 1
            for guess, found in both
            if guess.peak_memory_bytes and found.peak_bytes
        ]
    print(f"\nrank correlation of speed: {[round(one, 2) for one in spearman]}, mean {statistics.mean(spearman):.2f}")
    print(f"predicted best is the measured best or within 10 % of it: {hits} of {len(comparisons)}")
    print(f"step time: {_quantiles(step_errors)}")
    print(f"speed-up: {_quantiles(speed_errors)}")
    within = sum(abs(one) <= 0.2 for one in memory_errors)  # noqa: PLR2004 (the aim)
    worst = max(memory_errors, key=abs)
    print(
        f"peak memory: within 20 % for {within} of {len(memory_errors)}, median error "
        f"{100 * statistics.median(map(abs, memory_errors)):.0f} %, worst {100 * worst:+.0f} %; "
        f"{_quantiles([math.log(1 + one) for one in memory_errors])}",
    )


def _quantiles(errors: list[float]) -> str:
    apart = sorted(map(abs, errors))
    median, nine_of_ten = apart[len(apart) // 2], apart[min(len(apart) - 1, math.ceil(0.9 * len(apart)) - 1)]
    bias = math.exp(statistics.median(errors))
    apart_by = f"{math.exp(median):.2f} in the median, {math.exp(nine_of_ten):.2f} for nine of ten"
    return f"off by a factor of {apart_by}; predicted over measured is {bias:.2f} in the median"


def _row(guess: Prediction, found: Measured, reference: float | None) -> str:
    cells = [
        "-" if guess.step_seconds is None else f"{1e3 * guess.step_seconds.value:.2f} ms",
        found.why[:40] if found.seconds is None else f"{1e3 * found.seconds:.2f} ms",
        "-" if guess.speedup is None else f"{guess.speedup.value:.2f}",
        "-" if found.seconds is None or reference is None else f"{reference / found.seconds:.2f}",
        "-" if guess.peak_memory_bytes is None else f"{guess.peak_memory_bytes.value / 2**20:.0f} MiB",
        "-" if found.peak_bytes is None else f"{found.peak_bytes / 2**20:.0f} MiB",
    ]
    return " | ".join(cells)


def measurements(rounds: int, chosen: Callable[[str], bool]) -> Iterator[Comparison]:
    """Yield one model after the other, measured."""
    server = shared_forkserver()
    for name, reference in MODELS.items():
        if not chosen(name):
            continue
        print(f"{name} ({busy_cores():.1f} cores busy)", file=sys.stderr)
        source = FactorySource(reference).to_json()
        precisions = [each.precision for each in CANDIDATES]
        cost = workload_cost(server, source, precisions, device="cpu", budget_seconds=STARTING_SECONDS)
        yield Comparison(name=name, cost=cost, measured=measure(server, source, rounds))


def main() -> None:
    """Measure or read, then print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", default="", help="part of a model's name")
    parser.add_argument("--json", type=Path, help="where to keep what was measured")
    parser.add_argument("--from", dest="kept", type=Path, help="what was measured before")
    asked = parser.parse_args()
    profile = probe()
    if asked.kept:
        kept = json.loads(asked.kept.read_text())
        rates = tuple(MeasuredRate.model_validate(each) for each in kept["rates"])
        comparisons = [
            Comparison(
                name=each["name"],
                cost=WorkloadCost.model_validate(each["cost"]),
                measured=[Measured(**one) for one in each["measured"]],
            )
            for each in kept["models"]
        ]
    else:
        server = shared_forkserver()
        server.is_ready_within(STARTING_SECONDS)
        rates = measure_rates("cpu", rates_worker(server, "cpu"))
        comparisons = list(measurements(asked.rounds, lambda name: asked.only in name))
        # Before and after everything else: neighbours come and go, and the faster rate is the device's own.
        rates = tuple(map(better, rates, measure_rates("cpu", rates_worker(server, "cpu"))))
    if asked.json:
        models = [
            {
                "name": each.name,
                "cost": each.cost.model_dump(mode="json"),
                "measured": [vars(one) for one in each.measured],
            }
            for each in comparisons
        ]
        asked.json.write_text(json.dumps({"rates": [each.model_dump(mode="json") for each in rates], "models": models}))
    report(comparisons, rates, profile)


if __name__ == "__main__":
    main()
