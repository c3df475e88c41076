"""What is known of one architecture: a row of `architectures.toml`."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autoprec_probe.candidate import Device
from autoprec_probe.catalog.accelerator import Vendor
from autoprec_probe.catalog.number import Dtype

Status = Literal["verified", "partly", "unverified"]


class Remark(BaseModel):
    """What has to be said of one number format on one architecture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """Goes on from the device's name where the format is not native; where it is, from the verdict, after a comma."""
    source: str | None = None
    """Where that can be checked, if not at the first of the row's sources."""


class ArchitectureRow(BaseModel):
    """One architecture, or those of its chips that compute alike.

    Several rows may have one name (P100 and GTX 1080 are both Pascal, and their fp16 differs by a factor of 128): the
    first stands for a device of which only the name is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """In lower case, as the probe reports it."""
    vendor: Vendor
    device: Device
    """What PyTorch calls such a device."""
    compute_capabilities: tuple[tuple[int, int], ...] = ()
    gfx_targets: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names, such as the chips' code names."""
    matrix: tuple[Dtype, ...] = ()
    """What the matrix units multiply."""
    vector: tuple[Dtype, ...] = ()
    """What the ordinary units compute without a detour through another format."""
    refused: tuple[Dtype, ...] = ()
    """What PyTorch raises an error for."""
    remarks: dict[Dtype, Remark] = Field(default_factory=dict)
    """What has to be said of a format; one that is in none of the lists takes a detour, and its remark says which."""
    status: Status
    """How much of the row was read where `sources` says."""
    sources: tuple[str, ...] = Field(min_length=1)
    """Keys of the file's `[sources]`, or addresses."""
    note: str | None = None

    @model_validator(mode="after")
    def _refuse_what_is_also_computed(self) -> Self:
        both = [each for each in self.refused if self.computes(each)]
        if both:
            raise ValueError(f"{', '.join(both)} cannot be refused and computed; take it out of one of the lists")
        return self

    def computes(self, dtype: str) -> bool:
        """Return whether any unit computes in this format without a detour."""
        return dtype in self.matrix or dtype in self.vector


class ArchitectureFacts(ArchitectureRow):
    """A row together with where it is from."""

    origin: str
    """`autoprec`, or the path of the user's catalogue that the row is from."""
    references: Mapping[str, str]
    """What each of the row's sources stands for."""

    def reference(self, dtype: Dtype) -> str:
        """Return where the facts of a format can be checked."""
        remark = self.remarks.get(dtype)
        source = (remark.source if remark else None) or self.sources[0]
        found = self.references.get(source, source)
        return found if self.origin == "autoprec" else f"{found} (by {self.origin})"
