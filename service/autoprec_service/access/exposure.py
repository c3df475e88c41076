"""Whether the service may run as it is told: beyond this machine only with tokens."""

from autoprec_service.access.registry import TokenRegistry
from autoprec_service.errors import SettingsError
from autoprec_service.settings import Settings


def check_exposure(settings: Settings, registry: TokenRegistry) -> None:
    """Refuse to be open to everybody on a network.

    Raises:
        SettingsError: There is no token, and nobody said that none is needed.
        StoreError: The database does not answer.
    """
    guarded = settings.allow_anonymous or settings.on_loopback or settings.admin_tokens() or registry.any_good()
    if not guarded:
        raise SettingsError(
            f"On {settings.host} anyone who reaches this machine could ask and report. Make a token first (autoprec "
            "token create), or give --token, AUTOPREC_TOKENS, AUTOPREC_ADMIN_TOKEN or AUTOPREC_ADMIN_TOKEN_FILE; or "
            "stay on 127.0.0.1. AUTOPREC_ALLOW_ANONYMOUS=true lets everybody in.",
        )
