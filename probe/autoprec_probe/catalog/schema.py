"""The JSON Schemas of the catalogue's files; `python -m autoprec_probe.catalog.schema docs/schemas` writes them."""

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from autoprec_probe.catalog.file import AcceleratorsFile, ArchitecturesFile, CatalogFile

_FORMS: dict[str, type[BaseModel]] = {
    "accelerators": AcceleratorsFile,
    "architectures": ArchitecturesFile,
    "catalog": CatalogFile,
}


def schemas() -> dict[str, str]:
    """Return the text of each schema by the name of its file."""
    return {
        f"{name}.schema.json": json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **form.model_json_schema()}, indent=2
        )
        + "\n"
        for name, form in _FORMS.items()
    }


if __name__ == "__main__":
    for name, text in schemas().items():
        (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")
