"""What OpenMP's way of waiting costs on idle cores, and beside a neighbour that computes with as many threads.

Prints the median step time of a small MLP and a small transformer for each waiting policy, alone and beside the
neighbour, as ratios to spinning (the default) on idle cores. Run it on a machine that does nothing else.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import torch
from torch import nn

POLICIES = {"spinning": {}, "passive": {"OMP_WAIT_POLICY": "passive"}}
SECONDS = 6.0


def models() -> dict[str, tuple[nn.Module, torch.Tensor]]:
    """Return the models with their inputs."""
    mlp = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    layer = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True, dropout=0.0)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return {"tiny MLP": (mlp, torch.randn(512, 64)), "transformer": (encoder, torch.randn(8, 64, 256))}


def median_step(model: nn.Module, inputs: torch.Tensor, seconds: float) -> float:
    """Return the median time of a training step, in seconds."""
    optimizer, times, end = torch.optim.AdamW(model.parameters()), [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        model(inputs).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def measured(policy: str) -> dict[str, float]:
    """Return the median steps of a process of its own under a policy."""
    done = subprocess.run(  # noqa: S603 (this very script)
        [sys.executable, __file__, "worker"],
        env={**os.environ, **POLICIES[policy]},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    """Measure every policy alone and beside the neighbour."""
    baseline = measured("spinning")
    print(f"{torch.get_num_threads()} threads; ratios to spinning on idle cores\n")
    print("| model | policy | idle cores | beside a neighbour |\n|---|---|--:|--:|")
    for policy in POLICIES:
        alone = measured(policy)
        with subprocess.Popen([sys.executable, __file__, "neighbour"]) as neighbour:  # noqa: S603 (this very script)
            crowded = measured(policy)
            neighbour.kill()
        for name, seconds in baseline.items():
            print(f"| {name} | {policy} | {alone[name] / seconds:.2f} | {crowded[name] / seconds:.2f} |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["worker"]:
            print(json.dumps({name: median_step(*each, SECONDS) for name, each in models().items()}))
        case ["neighbour"]:
            median_step(*models()["transformer"], float("inf"))
        case _:
            main()
