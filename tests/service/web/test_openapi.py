"""What the REST interface says of itself."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

OPEN = {"/healthz", "/readyz"}


@pytest.fixture
def operations(app: FastAPI) -> list[tuple[str, dict[str, Any]]]:
    return [(path, each) for path, methods in app.openapi()["paths"].items() for each in methods.values()]


def test_every_operation_is_named_told_and_tagged(app: FastAPI, operations: list[tuple[str, dict[str, Any]]]) -> None:
    tags = {each["name"] for each in app.openapi()["tags"]}
    for path, operation in operations:
        assert operation["operationId"].isalnum(), path
        assert operation["description"].endswith("."), path
        assert set(operation["tags"]) <= tags, path
    assert len(operations) == len({each["operationId"] for _, each in operations})


def test_every_error_is_a_problem(operations: list[tuple[str, dict[str, Any]]]) -> None:
    for path, operation in operations:
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert ["application/problem+json"] == list(response["content"]), (path, status)


def test_closed_routes_say_so(operations: list[tuple[str, dict[str, Any]]]) -> None:
    assert OPEN == {path for path, each in operations if "security" not in each}
    assert all({"401", "403"} <= each["responses"].keys() for path, each in operations if path not in OPEN)


def test_every_body_has_an_example_that_is_taken(client: TestClient, app: FastAPI) -> None:
    taken = {}
    for path, methods in sorted(app.openapi()["paths"].items(), key=lambda each: each[0] != "/studies"):
        for method, operation in methods.items():
            if "requestBody" in operation:
                example = shown(app, operation["requestBody"]["content"]["application/json"])
                asked = path.format(**named(example)) if "{" in path else path
                taken[path] = client.request(method, asked, json=example).status_code
    statuses = {200, 201, 404}  # 404: nothing is recommended where nothing was measured
    assert {} == {path: status for path, status in taken.items() if status not in statuses}
    assert {"/studies", "/trials", "/tokens", "/recommend", "/runs/{run_id}", "/nodes/{name}"} <= taken.keys()


def shown(app: FastAPI, content: dict[str, Any]) -> Any:
    if "examples" in content:
        return next(iter(content["examples"].values()))["value"]
    schema = app.openapi()["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    return schema["examples"][0]


def named(example: dict[str, Any]) -> dict[str, Any]:
    return {"run_id": example.get("id"), "fingerprint": example.get("model_fingerprint"), "name": "gpu-17"}
