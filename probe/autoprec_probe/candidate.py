"""What can be tried: a precision with its strategy and the options that change numerics or speed."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from autoprec_probe.errors import CandidateError, ProbeError
from autoprec_probe.precision import canonical_precision

type_checked = AfterValidator(canonical_precision)

Strategy = Literal["single", "fsdp", "deepspeed", "xla"]
MatmulPrecision = Literal["highest", "high", "medium"]
Device = Literal["cpu", "cuda", "xpu", "mps", "tpu", "hpu"]

KEEPING = ("bf16-mixed", "16-mixed", "bf16-true", "16-true")
"""The precisions that can leave modules in float32."""
_SHOWN = 3


class Candidate(BaseModel):
    """A precision, the strategy that owns the step, and the options that change numerics or speed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Annotated[str, type_checked]
    strategy: Strategy = "single"
    matmul_precision: MatmulPrecision = "highest"
    """What `torch.set_float32_matmul_precision` is set to: TF32 on Ampere and later; on a CPU, oneDNN may use bf16."""
    keep_fp32: tuple[str, ...] = ()
    """Qualified names of modules that stay in float32 while the model around them runs in half precision."""
    compile: bool = False
    """Compile the forward pass with `torch.compile`."""
    emulate: bool = False
    """Compute the numbers of a format that the hardware lacks in one that it has: for stability only. What such a trial
    takes in time and memory says nothing of the format, so that it is neither timed nor recommended."""

    if not TYPE_CHECKING:  # type checkers derive the signature from the fields

        def __init__(self, **fields: Any) -> None:
            """Check the fields; an error is one sentence, not pydantic's report."""
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise _told(error) from None

    def __str__(self) -> str:
        """Return the precision, followed by whatever differs from the defaults."""
        extras = [f"matmul {self.matmul_precision}"] if self.matmul_precision != "highest" else []
        if self.keep_fp32:
            more = f" and {len(self.keep_fp32) - _SHOWN} more" if len(self.keep_fp32) > _SHOWN else ""
            extras.append(f"fp32 in {', '.join(self.keep_fp32[:_SHOWN])}{more}")
        if self.compile:
            extras.append("compiled")
        if self.emulate:
            extras.append("emulated numerics")
        if self.strategy != "single":
            extras.insert(0, self.strategy)
        return f"{self.precision} ({', '.join(extras)})" if extras else self.precision


def _told(error: ValidationError) -> ProbeError:
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ProbeError):
        return cause
    name = ".".join(str(each) for each in first["loc"])
    return CandidateError(f"Candidate: {name}={first['input']!r}: {first['msg']}.")
