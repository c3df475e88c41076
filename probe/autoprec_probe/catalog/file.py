"""What the files of a catalogue look like; the JSON Schemas are made from these."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autoprec_probe.catalog.accelerator import AcceleratorRow
from autoprec_probe.catalog.architecture import ArchitectureRow


class _SourcedFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: dict[str, str] = Field(default_factory=dict)
    """Short names for where facts are from, to be used in rows."""

    def rows(self) -> tuple[AcceleratorRow | ArchitectureRow, ...]:
        """Return every row of the file."""
        return (*getattr(self, "accelerator", ()), *getattr(self, "architecture", ()))

    @model_validator(mode="after")
    def _know_every_source(self) -> Self:
        for row in self.rows():
            unknown = [each for each in row.sources if each not in self.sources and "://" not in each]
            if unknown:
                called = row.key if isinstance(row, AcceleratorRow) else row.name
                raise ValueError(f"{called}: source {unknown[0]!r} is neither a key of [sources] nor an address")
        return self


class AcceleratorsFile(_SourcedFile):
    """A file of accelerators, each naming the sources of its figures."""

    accelerator: tuple[AcceleratorRow, ...] = ()


class ArchitecturesFile(_SourcedFile):
    """A file of architectures, each naming the sources of its facts."""

    architecture: tuple[ArchitectureRow, ...] = ()


class CatalogFile(AcceleratorsFile, ArchitecturesFile):
    """A user's file, which may hold rows of both kinds."""
