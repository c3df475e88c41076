"""What the documentation says of the dashboard, held against the dashboard."""

import re
from pathlib import Path

import pytest

from autoprec_dashboards.rendering import PAGES

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "dashboard.md").read_text()


@pytest.mark.parametrize(("name", "path", "key"), PAGES)
def test_every_page_and_its_key_are_documented(name: str, path: str, key: str) -> None:
    assert f"| {name} | `{path}` |" in GUIDE
    assert f"`{key}`" in next(line for line in GUIDE.splitlines() if line.startswith("| `g` and"))


def test_every_image_that_is_shown_is_there_and_small() -> None:
    shown = re.findall(r"\((?:docs/)?screenshots/([\w-]+\.png)\)", GUIDE + (ROOT / "README.md").read_text())
    sizes = {name: (ROOT / "docs" / "screenshots" / name).stat().st_size for name in shown}
    assert len(sizes) >= 3
    assert {} == {name: size for name, size in sizes.items() if size > 300_000}
