"""What a page cannot show.

AutoprecDashboardsError
└── PageError: there is nothing under this address, or its parameters make no sense
"""


class AutoprecDashboardsError(Exception):
    """The root of all errors of this package."""


class PageError(AutoprecDashboardsError):
    """There is nothing under this address, or its parameters make no sense; the message says what to do."""

    def __init__(self, title: str, detail: str, *, status: int = 404) -> None:
        super().__init__(f"{title}. {detail}")
        self.title = title
        self.detail = detail
        self.status = status
