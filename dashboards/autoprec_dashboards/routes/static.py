"""Style sheets and scripts, kept by browsers for good."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.assets import Assets
from autoprec_dashboards.content_policy import HEADERS
from autoprec_dashboards.errors import PageError


def static_routes(assets: Assets) -> APIRouter:
    """Return the route of every file that pages refer to."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/static/{address}")
    def static(request: Request, address: str) -> Response:
        found = assets.get(address)
        if found is None:
            raise PageError("No such file", "Pages of another version referred to it: load the page again.")
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {
            **HEADERS,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            **({"Content-Encoding": "gzip"} if compressed else {}),
        }
        return Response(found.compressed if compressed else found.content, media_type=found.media_type, headers=headers)

    return routes
