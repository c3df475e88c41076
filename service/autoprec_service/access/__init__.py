"""Who may do what: tokens with scopes, one tenant each, and a log of what was done with them."""

from autoprec_service.access.audit import AuditEntry, AuditLog
from autoprec_service.access.opening import Access, open_access
from autoprec_service.access.principal import SCOPES, Principal, Scope
from autoprec_service.access.registry import TokenRegistry
from autoprec_service.access.token import IssuedToken, Token

__all__ = [
    "SCOPES",
    "Access",
    "AuditEntry",
    "AuditLog",
    "IssuedToken",
    "Principal",
    "Scope",
    "Token",
    "TokenRegistry",
    "open_access",
]
