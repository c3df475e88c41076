"""Errors of what waits for a service."""

from autoprec_service.errors import ServiceError


class OutboxError(ServiceError):
    """The file of undelivered records cannot be read or written; the message says where it is."""
