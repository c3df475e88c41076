"""Errors of the service.

ServiceError
└── StoreError            the store cannot be opened, read or written
    └── StoreTooNewError  the store was written by a newer autoprec
"""


class ServiceError(Exception):
    """Root of every error that the service raises."""


class StoreError(ServiceError):
    """The store cannot be opened, read or written; the message says where it is and what to do."""


class StoreTooNewError(StoreError):
    """The store was written by a newer autoprec; it is left untouched."""
