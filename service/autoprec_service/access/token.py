"""One token, without its secret."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from autoprec_service.access.principal import Scope


class Token(BaseModel):
    """What is known of a token. Its secret is known to its owner alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """The public part: it names the token in lists and in the audit log."""
    tenant: str
    name: str
    """What it is for, in the words of whoever made it."""
    scopes: tuple[Scope, ...]
    created_at: AwareDatetime
    created_by: str
    """The id of the token that made it, or `command line`."""
    expires_at: AwareDatetime | None = None
    """None for one that lasts until it is revoked."""
    revoked_at: AwareDatetime | None = None
    last_used_at: AwareDatetime | None = None
    """To the minute; None where it was never shown."""


class IssuedToken(Token):
    """A new token with its secret, which nobody can show again."""

    token: str = Field(repr=False)
