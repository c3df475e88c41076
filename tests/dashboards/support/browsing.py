"""A real service for a real browser, and what the browser complains about."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from autoprec_dashboards.extension import dashboard
from autoprec_service.settings import Settings
from autoprec_service.web.app import create_app

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_SECONDS = 30


class _Server(uvicorn.Server):
    """Says when it listens, and where."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.port = 0

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.port = self.servers[0].sockets[0].getsockname()[1]
        self.listening.set()


@contextmanager
def running(place: Path, **settings: Any) -> Iterator[str]:
    """Serve a store with the dashboard, and yield its address."""
    told = Settings.model_validate({"db": str(place), **settings})
    app = create_app(told, extensions=[dashboard])
    server = _Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(_PATIENCE_SECONDS), "the service did not start"
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.should_exit = True
        thread.join()


def complaints_of(page: Page) -> list[str]:
    """Return the list to which a page's errors and refusals of its content policy will be added."""
    found: list[str] = []
    page.on("console", lambda told: found.append(told.text) if told.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def draw_everything(page: Page) -> int:
    """Scroll until every figure of a page is drawn, and return how many there are."""
    figures = page.locator("figure.panel")
    for number in range(figures.count()):
        figures.nth(number).scroll_into_view_if_needed()
        expect(figures.nth(number)).to_have_attribute("data-drawn", "yes")
    return figures.count()


def barriers(page: Page, *rules: str) -> list[str]:
    """Return the rules of accessibility that a page breaks seriously, and where; of all rules, or of the given ones."""
    chosen = {"runOnly": {"type": "rule", "values": [*rules]}} if rules else {}
    options = {"resultTypes": ["violations"], **chosen}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0].get('failureSummary', '')[:300]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
