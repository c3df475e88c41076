"""Show the recorded studies in a real browser and keep what it looks like: `python take_screenshots.py [FOLDER]`."""

import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "support"))

from playwright.sync_api import Browser, sync_playwright

from autoprec_runner.study import Study
from autoprec_service.exchange import import_jsonl
from autoprec_service.store import Store, open_store
from browsing import ARGUMENTS, draw_everything, running
from filling import fill

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
STUDIES = Path(__file__).parent / "data" / "studies.jsonl"
SCREEN, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 780}


def prepare(store: Store) -> list[Study]:
    """Store the studies, and one that is going on; return them."""
    import_jsonl(store, STUDIES)
    studies = store.studies()
    now = datetime.now(UTC)
    fill(store, studies, now)
    going = {"study_id": "going", "model_fingerprint": "going"}
    own = store.trials(study_id=studies[0].id)[:6]
    store.save_study(
        studies[0].model_copy(
            update={
                "id": "going",
                "model_fingerprint": "going",
                "status": "running",
                "started_at": now - timedelta(seconds=14),
                "finished_at": None,
                "budget_seconds": 120.0,
            }
        )
    )
    store.add_trials(each.model_copy(update=going | {"id": f"going-{number}"}) for number, each in enumerate(own))
    return studies


def take(browser: Browser, url: str, studies: list[Study], folder: Path) -> None:
    """Write one image a page, some of them dark or on a phone."""
    first = studies[0]
    model, study = f"/ui/models/{first.model_fingerprint}", f"/ui/studies/{studies[7].id}"
    recommend = f"/ui/recommend?model={first.model_fingerprint}&hardware={first.hardware_key}&mode=train"
    pages = [
        ("fleet", "/", "light", SCREEN),
        ("fleet-dark", "/", "dark", SCREEN),
        ("machine", "/ui/nodes/node-0001", "light", SCREEN),
        ("models", "/ui/models", "light", SCREEN),
        ("model", model, "light", SCREEN),
        ("study", study, "light", {"width": 1280, "height": 1250}),
        ("study-dark", study, "dark", {"width": 1280, "height": 1250}),
        ("live", "/ui/live", "light", SCREEN),
        ("recommend", recommend, "light", SCREEN),
        ("recommend-dark", recommend, "dark", SCREEN),
        ("compare", "/ui/compare", "light", SCREEN),
        ("trust", "/ui/trust", "light", SCREEN),
        ("study-phone", study, "light", PHONE),
        ("fleet-phone", "/", "dark", PHONE),
    ]
    for name, path, scheme, size in pages:
        context = browser.new_context(viewport=size, color_scheme=scheme, base_url=url)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(path)
        draw_everything(page)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=folder / f"{name}.png")
        context.close()


def main() -> None:
    """Serve the recorded studies and take every image."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        with open_store(Path(place) / "store.db") as store:
            studies = prepare(store)
        with running(Path(place) / "store.db") as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*ARGUMENTS])
            take(browser, url, studies, folder)
            browser.close()


if __name__ == "__main__":
    main()
