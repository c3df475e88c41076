"""The published schemas are those of the code."""

from pathlib import Path

import pytest

from autoprec_probe.catalog.schema import schemas

FOLDER = Path(__file__).parents[3] / "docs" / "schemas"


@pytest.mark.parametrize("name", schemas())
def test_a_published_schema_is_that_of_the_models(name: str) -> None:
    assert schemas()[name] == (FOLDER / name).read_text(encoding="utf-8"), (
        "write them anew: python -m autoprec_probe.catalog.schema docs/schemas"
    )
