"""What is in the zoo, and what is true of each workload by construction, whatever machine it runs on.

A precision is *ruined* where its training cannot follow the true one, and *sound* where nothing stands against it. What
is in neither list has to be measured. `regret.py` measures all of them and says where the table is wrong.
"""

from dataclasses import dataclass
from pathlib import Path

from autoprec_probe import Candidate

FOLDER = Path(__file__).parent
CORE = (
    Candidate(precision="32-true"),
    Candidate(precision="32-true", matmul_precision="medium"),
    Candidate(precision="bf16-mixed"),
    Candidate(precision="bf16-true"),
    Candidate(precision="16-mixed"),
    Candidate(precision="16-true"),
    Candidate(precision="64-true"),
)
"""What every workload is measured with."""
EVERY = tuple(str(each) for each in CORE)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A workload of the zoo."""

    name: str
    """Its file, without the ending."""
    why: str = ""
    """What goes wrong, where something does."""
    ruined: tuple[str, ...] = ()
    sound: tuple[str, ...] = ("32-true", "64-true")

    @property
    def reference(self) -> str:
        """What the command line and `suggest()` take."""
        return f"{FOLDER / self.name}.py:workload"


HEALTHY = (
    "autoencoder_digits",
    "cnn_residual",
    "contrastive_digits",
    "decoder_large",
    "decoder_tiny",
    "diffusion_step",
    "encoder_masked",
    "gnn_scatter",
    "gru_rows",
    "lstm_code",
    "mlp_tiny",
    "mlp_wide",
    "unet_denoise",
    "vit_digits",
)
ZOO = (
    *(Entry(name=name) for name in HEALTHY),
    Entry(name="recommender", why="Adam's eps is 0 in float16", ruined=("16-true",)),
    Entry(name="adam_eps", why="Adam's eps is 0 in float16", ruined=("16-true",)),
    Entry(name="fp16_overflow", why="one module overflows float16", ruined=("16-mixed", "16-true")),
    Entry(name="fp16_overflow_rare", why="every twelfth step overflows float16", ruined=("16-mixed", "16-true")),
    Entry(
        name="gradient_underflow",
        why="gradients are 0 in float16 without loss scaling",
        ruined=("16-true",),
        sound=("32-true", "64-true", "16-mixed"),
    ),
    Entry(name="lost_updates", why="updates round to nothing in bfloat16", ruined=("bf16-true",)),
    Entry(
        name="diverges_late",
        why="bfloat16 loses the variance after 30 steps",
        ruined=("bf16-mixed", "bf16-true"),
    ),
    Entry(name="fine_residual", why="half precision cannot resolve the loss", ruined=("bf16-mixed", "bf16-true")),
    Entry(
        name="pinn_fp64",
        why="second differences need float64",
        ruined=tuple(each for each in EVERY if each != "64-true"),
        sound=("64-true",),
    ),
    Entry(name="unstable_fp32", why="diverges in every precision", ruined=EVERY, sound=()),
)
BY_NAME = {entry.name: entry for entry in ZOO}
