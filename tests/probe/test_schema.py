"""The published schema of a hardware profile."""

import json
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe import Accelerator, Cpu, HardwareProfile, Software, probe
from autoprec_probe.profile import Slice
from autoprec_probe.schema import profile_schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "profile.schema.json"

FULL = HardwareProfile(
    system="Linux",
    cpu=Cpu(architecture="x86_64", features=("avx2",), cpu_quota=1.5, usable_cores=2),
    accelerators=(
        Accelerator(
            kind="cuda",
            index=0,
            vendor="NVIDIA",
            name="NVIDIA H100",
            compute_capability=(9, 0),
            slices=(Slice(name="1g.10gb", memory_total_bytes=10**10),),
        ),
        Accelerator(kind="cuda", index=1, vendor="NVIDIA", error="GPU is lost"),
    ),
    software=Software(python="3.12.0", packages={"torch": "2.9.0+cpu"}, settings={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
)


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    return root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def mismatches(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "$") -> list[str]:  # noqa: C901, PLR0911
    """Return where a value does not fit a schema, by the keywords that the published one uses."""
    schema = resolved(schema, root)
    if "anyOf" in schema:
        options = [mismatches(value, each, root, place) for each in schema["anyOf"]]
        return [] if [] in options else min(options, key=len)
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{place}: {value!r}"]
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(value, dict):
            return [f"{place}: no object"]
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        wrong = [f"{place}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, each in value.items():
            if name in known:
                wrong += mismatches(each, known[name], root, f"{place}.{name}")
            elif isinstance(more, dict):
                wrong += mismatches(each, more, root, f"{place}.{name}")
            elif not more:
                wrong.append(f"{place}: unknown {name}")
        return wrong
    if kind == "array":
        if not isinstance(value, list):
            return [f"{place}: no array"]
        prefix = schema.get("prefixItems", [schema.get("items", {})] * len(value))
        pairs = enumerate(zip(value, prefix, strict=True))
        return [wrong for number, (each, one) in pairs for wrong in mismatches(each, one, root, f"{place}[{number}]")]
    return [] if kind is None or isinstance(value, kinds[kind]) else [f"{place}: {value!r} is no {kind}"]


@pytest.mark.parametrize("profile", [FULL, probe()], ids=["full", "this-machine"])
def test_a_profile_fits_the_published_schema(profile: HardwareProfile) -> None:
    schema = json.loads(PUBLISHED.read_text())
    assert [] == mismatches(json.loads(profile.model_dump_json()), schema, schema)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"system": 3}, "$.system"),
        ({"surplus": 1}, "unknown surplus"),
        ({"cpu": {"architecture": None}}, "$.cpu"),
        ({"accelerators": [{"kind": "quantum"}]}, "$.accelerators[0]"),
    ],
)
def test_what_is_no_profile_does_not_fit(change: dict[str, Any], place: str) -> None:
    schema = json.loads(PUBLISHED.read_text())
    wrong = mismatches(json.loads(FULL.model_dump_json()) | change, schema, schema)
    assert any(place in each for each in wrong)


def test_the_published_schema_is_that_of_the_code() -> None:
    assert json.loads(PUBLISHED.read_text()) == profile_schema(), (
        "autoprec probe --schema > docs/schemas/profile.schema.json writes it anew"
    )
