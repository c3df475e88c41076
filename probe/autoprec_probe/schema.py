"""The published schema of a hardware profile, which is what `autoprec probe --json` prints."""

from typing import Any

from autoprec_probe.profile import HardwareProfile

SCHEMA_ID = "autoprec/profile.schema.json"


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a hardware profile."""
    schema = HardwareProfile.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}
