"""How much memory is alive during a step that is only followed."""

import weakref
from functools import partial

from torch import Tensor


class AliveMemory:
    """Sums the storages that exist, each from when it is first seen until it is freed."""

    def __init__(self) -> None:
        self.bytes = 0
        self.peak_bytes = 0
        self._storages: dict[int, weakref.ref[object]] = {}

    def see(self, tensor: Tensor) -> None:
        """Take note of a tensor's storage; one that is known already changes nothing."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()  # noqa: SLF001 (its identity: data_ptr() is 0 for all of them)
        if key in self._storages:
            return
        # Torch keeps the Python object of a storage as long as the storage itself, so its end is that of the memory.
        self._storages[key] = weakref.ref(storage, partial(self._free, key, size))
        self.bytes += size
        self.peak_bytes = max(self.peak_bytes, self.bytes)

    def borrow(self, size: int) -> None:
        """Take note of memory that an operation allocated for itself and has given back."""
        self.peak_bytes = max(self.peak_bytes, self.bytes + size)

    def reset_peak(self) -> None:
        """Forget peaks so far."""
        self.peak_bytes = self.bytes

    def _free(self, key: int, size: int, _: object) -> None:
        if self._storages.pop(key, None) is not None:
            self.bytes -= size
