"""Where studies and trials are kept, so that a measurement is made once and found again."""

from autoprec_service.store.contract import Store
from autoprec_service.store.location import open_store
from autoprec_service.store.sql import SqlStore

__all__ = ["SqlStore", "Store", "open_store"]
