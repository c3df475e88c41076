"""What this machine's GPU does: the engine beside plain PyTorch, quantized weights, and two whole studies.

    python benchmarks/accelerator.py [--budget 60] [--only engine,quantized,train,inference]

Four parts: *engine* compares twenty clipped training steps with plain PyTorch, bit for bit; *quantized* weighs the
modes of bitsandbytes and tells their output error; *train* and *inference* are whole studies of a decoder of 100 and of
400 million parameters that reads the sources of Python. Everything is printed as Markdown. Without a GPU that torch can
use, there is nothing to see, and the script says so.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import autoprec
from autoprec_runner.engine import Engine
from autoprec_runner.precision import weight_bytes
from autoprec_runner.quantities import figure
from autoprec_runner.workload import Workload

PLAIN: dict[str, torch.dtype] = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
    "bf16-true": torch.bfloat16,
    "16-true": torch.float16,
    "64-true": torch.float64,
}
MODES = ("nf4", "nf4-dq", "fp4", "fp4-dq", "int8")
STEPS = 20
MIB = 2**20


def train() -> Workload:
    """Return the training of a decoder of 100 million parameters on 8 passages of 512 bytes."""
    from decoder import decoding  # noqa: PLC0415 (needs scikit-learn, which the other parts do not)

    return decoding(width=1024, heads=16, layers=8, length=512, batch_size=8, name="decoder of 100 M")


def inference() -> Workload:
    """Return the inference of a decoder of 400 million parameters on 8 passages of 512 bytes."""
    from decoder import decoding  # noqa: PLC0415 (as above)

    large = decoding(width=2048, heads=16, layers=8, length=512, batch_size=8, name="decoder of 400 M")
    return Workload(model=large.model, batch=large.batch, mode="inference", name=large.name)


def network() -> nn.Sequential:
    """Return a small network, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.LayerNorm(256), nn.Linear(256, 8))


def batch() -> tuple[Tensor, Tensor]:
    """Return float32[32, 64] and its classes, int64[32], on the GPU."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(32, 64, generator=generator)
    return inputs.cuda(), torch.randint(0, 8, (32,), generator=generator).cuda()


def with_engine(precision: str) -> tuple[list[float], list[Tensor]]:
    """Return the losses and the weights after training by the engine."""
    engine, (x, y), losses = Engine(precision, accelerator="cuda"), batch(), []
    plain = network()
    model, optimizer = engine.setup(plain, torch.optim.SGD(plain.parameters(), lr=0.05, momentum=0.9))
    for _ in range(STEPS):
        loss = cross_entropy(model(x), y)
        engine.backward(loss)
        engine.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, list(model.parameters())


def with_pytorch(precision: str) -> tuple[list[float], list[Tensor]]:
    """Return the same of plain PyTorch; outputs come back in float32, as the engine's do."""
    dtype, (x, y), losses = PLAIN[precision], batch(), []
    is_mixed = precision.endswith("-mixed")
    model = network().cuda() if is_mixed else network().cuda().to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler("cuda", enabled=precision == "16-mixed")
    for _ in range(STEPS):
        with torch.autocast("cuda", dtype=dtype, enabled=is_mixed):
            output = model(x.to(dtype))
        loss = cross_entropy(output.float(), y)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # of torch
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, list(model.parameters())


def engine_part(_: float) -> Iterator[str]:
    """Compare the engine with plain PyTorch."""
    yield f"| precision | {STEPS} steps beside plain PyTorch | loss |\n|---|---|---|"
    for precision in PLAIN:
        (losses, weights), (true_losses, true_weights) = with_engine(precision), with_pytorch(precision)
        same = losses == true_losses and all(map(torch.equal, weights, true_weights))
        told = "equal bit for bit" if same else "DIFFERENT"
        yield f"| {precision} | {told} | {losses[0]:.4f} to {losses[-1]:.4f} |"


def quantized_part(_: float) -> Iterator[str]:
    """Weigh the modes of bitsandbytes."""
    if find_spec("bitsandbytes") is None:
        yield "bitsandbytes is not installed: pip install bitsandbytes"
        return
    x = torch.randn(64, 2048, device="cuda")
    with torch.no_grad():
        true = wide().cuda()(x)
        yield f"| mode | weights, of {weight_bytes(wide()) / MIB:.1f} MiB in fp32 | output error |\n|---|--:|--:|"
        for mode in MODES:
            yield quantized_row(mode, x, true)


def quantized_row(mode: str, x: Tensor, true: Tensor) -> str:
    """Quantize eight linear layers and return what they weigh and how far their output is from the true one."""
    model = Engine(f"bnb-{mode}", accelerator="cuda").setup(wide().eval())
    error = float((model(x) - true).norm() / true.norm())
    return f"| {mode} | {weight_bytes(model) / MIB:.1f} MiB | {figure(100 * error)} % |"


def wide() -> nn.Sequential:
    """Return eight linear layers, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(8)))


def study_part(factory: str) -> Callable[[float], Iterator[str]]:
    """Return what conducts a study of a factory of this file."""

    def study(budget: float) -> Iterator[str]:
        with TemporaryDirectory(prefix="autoprec-accelerator-") as folder:
            answer = autoprec.suggest(
                f"{__file__}:{factory}", budget=budget, store=Path(folder) / "store.db", progress=False
            )
        yield f"{answer} (confidence {answer.confidence:.2f})"
        yield from (f"- {reason}" for reason in answer.reasons)
        yield "\n| trial | phase | status | step | peak memory |\n|---|---|---|--:|--:|"
        for trial in answer.trials:
            step = f"{trial.step_time.median_seconds * 1e3:.2f} ms" if trial.step_time else ""
            peak = f"{trial.peak_memory_bytes / MIB:,.0f} MiB" if trial.peak_memory_bytes else ""
            yield f"| {trial.candidate} | {trial.phase} | {trial.status} | {step} | {peak} |"

    return study


PARTS: dict[str, Callable[[float], Iterator[str]]] = {
    "engine": engine_part,
    "quantized": quantized_part,
    "train": study_part("train"),
    "inference": study_part("inference"),
}


def main() -> None:
    """Run the parts that were asked for and print what they find."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of each study (default 60)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, with commas between: {', '.join(PARTS)}")
    given = parser.parse_args()
    if unknown := [each for each in given.only.split(",") if each not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}")
    if not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU that it could use here, so there is nothing to measure.")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for part in given.only.split(","):
        print(f"\n## {part}\n", flush=True)
        for line in PARTS[part](given.budget):
            print(line, flush=True)


if __name__ == "__main__":
    main()
