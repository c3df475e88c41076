"""What is known of one model of accelerator: a row of `accelerators.toml`, and what is made of it."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autoprec_probe.catalog.number import DTYPES, SAME_RATE, Dtype, Positive
from autoprec_probe.errors import CatalogError
from autoprec_probe.key import device_key

Vendor = Literal["NVIDIA", "AMD", "Intel", "Apple", "Google"]

_BYTES_PER_GIB = 2**30
_BYTES_PER_MIB = 2**20
_TFLOPS = ("vector_tflops", "matrix_tflops")
_PERFORMANCE = ("memory_marketed_gib", "memory_reported_mib", "memory_bandwidth_gbytes_per_second", *_TFLOPS)


class AcceleratorRow(BaseModel):
    """One model of accelerator, as the probe lists one device of it.

    Where a card holds several devices, every figure is of one of them. Rates are dense and those of fp32 accumulation,
    which is what PyTorch asks for. What nobody publishes is left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """The hardware key that the probe gives a device with the first of `names`."""
    vendor: Vendor
    architecture: str
    """The name of a row of the architectures."""
    names: tuple[str, ...] = Field(min_length=1)
    """Every name under which drivers and libraries report it, the most usual first."""
    compute_capability: tuple[int, int] | None = None
    gfx_target: str | None = None
    tpu_generation: str | None = None
    ray_type: str | None = None
    """The accelerator type that Ray labels a node with; several models may share one, so that it is never a name."""
    devices_per_card: int = Field(default=1, ge=1)
    """How many devices one card shows."""
    memory_marketed_gib: Positive | None = None
    memory_reported_mib: Positive | None = None
    """What the driver reports, which is less than what is sold where error correction or firmware takes a part."""
    memory_bandwidth_gbytes_per_second: Positive | None = None
    """10^9 bytes a second."""
    vector_tflops: dict[Dtype, Positive] = Field(default_factory=dict)
    """10^12 operations a second of the ordinary units, by number format."""
    matrix_tflops: dict[Dtype, Positive] = Field(default_factory=dict)
    """10^12 operations a second of the matrix units, without sparsity, by number format."""
    sources: tuple[str, ...] = Field(min_length=1)
    """Keys of the file's `[sources]`, or addresses."""
    unverified: tuple[str, ...] = ()
    """Fields (`matrix_tflops.float16` is one) whose value rests on memory or is disputed; `*` is all figures."""
    note: str | None = None

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        for problem in (self._wrong_key(), self._wrong_target(), self._wrong_unverified()):
            if problem is not None:
                raise ValueError(problem)
        return self

    def _wrong_key(self) -> str | None:
        expected = device_key(self.vendor, self.names[0])
        if self.key == expected:
            return None
        return f"key={self.key!r}, but the probe calls a device named {self.names[0]!r} {expected!r}; write that"

    def _wrong_target(self) -> str | None:
        wanted = {"NVIDIA": "compute_capability", "AMD": "gfx_target"}.get(self.vendor)
        if wanted is None or getattr(self, wanted) is not None:
            return None
        return f"{wanted} is missing: rules judge what {self.vendor} makes by it"

    def _wrong_unverified(self) -> str | None:
        unknown = [each for each in self.unverified if each != "*" and self._value(each) is None]
        return f"unverified names {', '.join(unknown)}, which this row does not have" if unknown else None

    def _value(self, field: str) -> object:
        name, _, dtype = field.partition(".")
        value: object = getattr(self, name) if name in AcceleratorRow.model_fields else None
        if dtype:
            return value.get(dtype) if isinstance(value, dict) else None
        return value or None


class AcceleratorFacts(AcceleratorRow):
    """A row together with where it is from."""

    origin: str
    """`autoprec`, or the path of the user's catalogue that the row is from."""
    references: Mapping[str, str]
    """What each of the row's sources stands for."""

    @property
    def memory_total_bytes(self) -> int | None:
        """What the driver reports, or else what is sold; None where the memory is the machine's own."""
        if self.memory_reported_mib is not None:
            return int(self.memory_reported_mib * _BYTES_PER_MIB)
        return None if self.memory_marketed_gib is None else int(self.memory_marketed_gib * _BYTES_PER_GIB)

    def peak_tflops(self, dtype: str) -> float | None:
        """Return the dense peak in 10^12 operations a second of the faster kind of unit, None where there is none."""
        return max(self._rates(dtype).values(), default=None)

    def _rates(self, dtype: str) -> dict[str, float]:
        return {unit: rates[_rated(dtype)] for unit in _TFLOPS if _rated(dtype) in (rates := getattr(self, unit))}

    def is_verified(self, field: str) -> bool:
        """Return whether a value was read where `sources` says: False also for one that the row does not have.

        Args:
            field: A field of the row, one of its rates such as ``matrix_tflops.bfloat16``, or a number format, which
                means its peak.

        Raises:
            CatalogError: There is no such field.
        """
        if field in DTYPES:
            rates = self._rates(field)
            return bool(rates) and self.is_verified(f"{max(rates, key=lambda unit: rates[unit])}.{_rated(field)}")
        name = field.partition(".")[0]
        if name not in AcceleratorRow.model_fields:
            allowed = ", ".join([*AcceleratorRow.model_fields, *DTYPES])
            raise CatalogError(
                f"A row has no field {field!r}. Allowed: {allowed}, and matrix_tflops.bfloat16 and such."
            )
        doubted = {field, name, *(("*",) if name in _PERFORMANCE else ())}
        return self._value(field) is not None and doubted.isdisjoint(self.unverified)


def _rated(dtype: str) -> str:
    return SAME_RATE.get(dtype, dtype)
