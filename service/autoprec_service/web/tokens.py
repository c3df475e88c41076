"""Tokens and the audit log over HTTP: an admin manages those of the own tenant."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from autoprec_service.access import AuditEntry, IssuedToken, Scope, Token
from autoprec_service.access.doorkeeper import Doorkeeper
from autoprec_service.access.registry import LONGEST_NAME, NAME
from autoprec_service.web.examples import TOKEN, shown
from autoprec_service.web.parameters import Accesses, Admin, After, Identifier, Limit, routes
from autoprec_service.web.problem import problems

_LONGEST_DAYS = 3650
_LARGEST = (1 << 63) - 1

Before = Annotated[int | None, Query(ge=1, le=_LARGEST, description="The last position of the page before.")]


class TokenRequest(BaseModel):
    """A token that shall be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME)
    """What it is for."""
    scopes: tuple[Scope, ...] = Field(min_length=1, max_length=3, json_schema_extra={"uniqueItems": True})
    days: int | None = Field(default=None, ge=1, le=_LONGEST_DAYS)
    """After how many days it ends; None for never."""


def token_routes() -> APIRouter:
    """Return the routes of tokens."""
    found = routes("access")

    @found.post("/tokens", operation_id="createToken", status_code=201, responses=problems(400, 413))
    def create(
        asked: Annotated[TokenRequest, Body(openapi_examples=shown(TOKEN))],
        request: Request,
        access: Accesses,
        who: Admin,
    ) -> IssuedToken:
        """Make a token for the own tenant. The answer is the only one that ever holds its secret."""
        ends = None if asked.days is None else datetime.now(UTC) + timedelta(days=asked.days)
        token = access.tokens.issue(
            tenant=who.tenant, name=asked.name, scopes=asked.scopes, created_by=who.name, expires_at=ends
        )
        access.audit.note(who, "token.create", token.id, name=token.name, scopes=" ".join(token.scopes))
        _doorkeeper(request).forget_everybody()
        return token

    @found.get("/tokens", operation_id="listTokens")
    def tokens(access: Accesses, who: Admin, after: After = None, limit: Limit = 100) -> list[Token]:
        """List the tokens of the own tenant in the order in which they were made, those that are over included."""
        return access.tokens.tokens(who.tenant, limit=limit, after=after)

    @found.delete("/tokens/{token_id}", operation_id="revokeToken", responses=problems(404))
    def revoke(token_id: Identifier, request: Request, access: Accesses, who: Admin) -> Token:
        """End a token of the own tenant. Other replicas may take it for another ten seconds."""
        token = access.tokens.revoke(token_id, tenant=who.tenant)
        access.audit.note(who, "token.revoke", token.id, name=token.name)
        _doorkeeper(request).forget(token.id)
        return token

    @found.get("/audit", operation_id="listAudit")
    def audit(
        *,
        access: Accesses,
        who: Admin,
        before: Before = None,
        limit: Limit = 100,
    ) -> list[AuditEntry]:
        """List what was done in the own tenant, the newest first, one page at a time."""
        return access.audit.entries(who.tenant, limit=limit, before=before)

    return found


def _doorkeeper(request: Request) -> Doorkeeper:
    found: Doorkeeper = request.app.state.doorkeeper
    return found
