"""From view data to a page."""

import json
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from autoprec_dashboards.assets import Assets
from autoprec_dashboards.content_policy import HEADERS
from autoprec_dashboards.words import FILTERS
from autoprec_service.web.access import COOKIE

PAGES = (
    ("Fleet", "/", "f"),
    ("Models", "/ui/models", "m"),
    ("Live", "/ui/live", "l"),
    ("Recommend", "/ui/recommend", "r"),
    ("Compare", "/ui/compare", "c"),
    ("Trust", "/ui/trust", "t"),
)
"""Name, path, and the key that goes there after `g`."""


class Pages:
    """Fills templates; everything in them is escaped."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("autoprec_dashboards"),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= FILTERS
        self._environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
        self._environment.globals |= {"pages": PAGES, "asset": assets.address, "plotly_sheets": assets.plotly_sheets}

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page; `request` tells where links lead and which filters are set."""
        base = request.scope.get("root_path", "")
        text = self._environment.get_template(template).render(
            base=base,
            origin=f"{request.url.scheme}://{request.url.netloc}{base}",
            path=request.url.path.removeprefix(base) or "/",
            link=lambda path, **query: base + address(path, **query),
            here=lambda **changes: base + _changed(request, base, changes),
            login=COOKIE in request.cookies,
            **values,
        )
        return HTMLResponse(text, status_code=status, headers={**HEADERS, "Cache-Control": "no-store"})


def address(path: str, **query: object) -> str:
    """Return a path with the parameters that have a value."""
    given = {name: str(value) for name, value in query.items() if value is not None and value != ""}
    return f"{path}?{urlencode(given)}" if given else path


def _changed(request: Request, base: str, changes: dict[str, object]) -> str:
    """Return the address of the page with some parameters changed, on its first page unless it says which."""
    query = {name: value for name, value in request.query_params.items() if name != "after"}
    return address(request.url.path.removeprefix(base) or "/", **query | changes)


def record(value: dict[str, Any]) -> str:
    """Return a raw record as people read it."""
    return json.dumps(value, indent=2, ensure_ascii=False)
