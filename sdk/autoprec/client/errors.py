"""Errors of the client. None of them holds a token.

autoprec_service.errors.ServiceError
└── ClientError             the client did not get what it asked a service for
    ├── AddressError        no service is named, or its URL or token cannot be used
    ├── UnreachableError    the service was not reached, or had no time, as often as it was asked
    ├── RefusedError        the service answered with a problem
    └── AnswerError         what answered is no service of autoprec, or one of another version
"""

from autoprec_service.errors import ServiceError


class ClientError(ServiceError):
    """The client did not get what it asked a service for; the message says why and what to do."""


class AddressError(ClientError, ValueError):
    """No service is named, or its URL or token cannot be used."""


class UnreachableError(ClientError):
    """The service was not reached, or had no time, as often as it was asked; asking again later may help."""


class RefusedError(ClientError):
    """The service answered with a problem, which it told as RFC 9457 has it: `title`, `status` and `detail`."""

    def __init__(self, where: str, *, status: int, title: str, detail: str) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        told = f": {detail}" if detail else ""
        super().__init__(f"The service at {where} refused: {title} (HTTP {status}){told}{_WAYS_OUT.get(status, '')}")

    @property
    def is_a_failure(self) -> bool:
        """Whether the fault is the service's, so that asking otherwise would not help."""
        return self.status >= _FIRST_FAILURE


class AnswerError(ClientError):
    """What answered is no service of autoprec, or one of another version."""


_FIRST_FAILURE = 500
_WAYS_OUT = {
    401: " Set AUTOPREC_TOKEN, or give token=, to a token that `autoprec token create` printed.",
    403: " Ask who runs the service for a token that may do this.",
}
