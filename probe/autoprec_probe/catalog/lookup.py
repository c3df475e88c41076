"""Questions to the catalogue."""

import difflib

from autoprec_probe.catalog.accelerator import AcceleratorFacts
from autoprec_probe.catalog.architecture import ArchitectureFacts
from autoprec_probe.catalog.catalogue import catalogue
from autoprec_probe.catalog.load import VARIABLE
from autoprec_probe.catalog.names import normal_name
from autoprec_probe.errors import CatalogError
from autoprec_probe.key import SLICE_SUFFIX


def accelerators() -> tuple[AcceleratorFacts, ...]:
    """Return every accelerator: the user's, then autoprec's own that they do not replace."""
    return catalogue().accelerators


def accelerator_by_name(name: str, vendor: str | None = None) -> AcceleratorFacts | None:
    """Return the accelerator that a driver calls by this name, None where there is none.

    Names are the same or they are not: case, spaces and trademark signs apart, nothing is guessed.
    """
    found = catalogue().by_name.get(normal_name(name))
    if found is None or (vendor is not None and vendor.casefold() != found.vendor.casefold()):
        return None
    return found


def accelerator_by_key(key: str) -> AcceleratorFacts:
    """Return the accelerator with this hardware key, or with a name whose key it is.

    Raises:
        CatalogError: There is none; the message names the nearest keys and how to add one.
    """
    found = catalogue().by_key.get(key)
    if found is not None:
        return found
    whole, is_slice, _ = key.partition(SLICE_SUFFIX)
    if is_slice and whole in catalogue().by_key:
        raise CatalogError(
            f"{key!r} is a slice of an accelerator, and what it computes is not in the catalogue. The whole one is "
            f"{whole!r}."
        )
    near = difflib.get_close_matches(key, catalogue().by_key, n=3, cutoff=0.4)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    raise CatalogError(
        f"The catalogue has no accelerator {key!r}.{hint} To add one, write a row into a TOML file and name the file "
        f"in {VARIABLE}; docs/catalog.md shows how."
    )


def architectures() -> tuple[ArchitectureFacts, ...]:
    """Return every architecture: the user's, then autoprec's own; the first that fits is the answer."""
    return catalogue().architectures


def architecture(name: str) -> ArchitectureFacts | None:
    """Return the architecture of this name or alias, None where there is none."""
    return catalogue().architecture_by_name.get(name.lower())


def architecture_by_capability(capability: tuple[int, int]) -> ArchitectureFacts | None:
    """Return what NVIDIA's devices of a compute capability are, None for one that is in no table."""
    return catalogue().architecture_by_capability.get(capability)


def architecture_by_target(gfx_target: str) -> ArchitectureFacts | None:
    """Return what AMD's devices of a target are; features after a colon (`gfx90a:xnack-`) do not matter."""
    return catalogue().architecture_by_target.get(gfx_target.partition(":")[0])
