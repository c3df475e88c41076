"""Errors of the service.

ServiceError
├── PolicyError                 trials that cannot be judged together
├── ExportError                 a framework cannot express a candidate
├── ContradictionError          parts of a question that exclude each other
├── ExchangeError               a file of records that cannot be opened
├── UnknownHardwareError        a node that has not told what it is
├── SettingsError               the service cannot run as it is told
├── AccessError                 a token that cannot be made as asked
│   └── UnknownTokenError       there is no token of this id
└── StoreError                  the store cannot be opened, read or written
    ├── StoreConflictError      a record contradicts what is stored
    ├── UnknownPageError        there is no record that a page could begin after
    └── StoreTooNewError        the store was written by a newer autoprec
"""


class ServiceError(Exception):
    """Root of every error that the service raises."""


class PolicyError(ServiceError, ValueError):
    """Trials of different workloads, machines or strategies, which cannot be judged together."""


class ExportError(ServiceError, ValueError):
    """A framework cannot express the recommended precision; the message says what to do instead."""


class ContradictionError(ServiceError, ValueError):
    """Parts of a question exclude each other; the message says which, and what to leave out."""


class ExchangeError(ServiceError):
    """A file of exported records cannot be opened; the message says which and why."""


class UnknownHardwareError(ServiceError, LookupError):
    """A node that never reported what it is, or that has no device with the key that was given."""


class SettingsError(ServiceError, ValueError):
    """The service cannot run as it is told; the message says which setting is wrong and what is allowed."""


class AccessError(ServiceError, ValueError):
    """A token cannot be made as asked; the message says what is allowed."""


class UnknownTokenError(AccessError):
    """There is no token of this id, or it belongs to another tenant."""


class StoreError(ServiceError):
    """The store cannot be opened, read or written; the message says where it is and what to do."""


class StoreConflictError(StoreError):
    """A record contradicts what is stored; nothing of the call was written."""


class UnknownPageError(StoreError):
    """There is no record with the id after which a page shall begin."""


class StoreTooNewError(StoreError):
    """The store was written by a newer autoprec; it is left untouched."""
