"""What every route works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query

from autoprec_dashboards.census import Census
from autoprec_dashboards.errors import PageError
from autoprec_dashboards.rendering import Pages
from autoprec_service.advice.adviser import Adviser
from autoprec_service.store import Store
from autoprec_service.web.access import require, store_of

Clock = Callable[[], datetime]
TenantStore = Annotated[Store, Depends(store_of)]
Text = Annotated[str, Query(max_length=200)]
"""A filter in the address; empty for none."""
READS = Depends(require("read"))


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every route works with."""

    pages: Pages
    census: Census
    adviser: Adviser
    now: Clock


def chosen(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return a parameter, the first of what is allowed where none is given.

    Raises:
        PageError: It is something else.
    """
    if value in allowed:
        return value
    if not value:
        return allowed[0]
    raise PageError(
        "No such choice", f"{name}={value!r} is not one of: {', '.join(filter(None, allowed))}.", status=400
    )
