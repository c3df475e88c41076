"""Tokens that the service was started with."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from autoprec_service.settings import Settings
from autoprec_service.web.app import create_app


@pytest.fixture
def app(db: str) -> FastAPI:
    return create_app(Settings(db=db, tokens=(SecretStr("one"), SecretStr("two"))))


def asked(client: TestClient, header: str | None) -> int:
    return client.get("/nodes", headers={} if header is None else {"Authorization": header}).status_code


@pytest.mark.parametrize("header", ["Bearer one", "Bearer two", "bearer one", "BEARER  two "])
def test_a_token_that_is_known_is_let_in(client: TestClient, header: str) -> None:
    assert 200 == asked(client, header)


@pytest.mark.parametrize("header", [None, "", "one", "Bearer", "Bearer ", "Bearer on", "Bearer one two", "Basic one"])
def test_others_are_refused(client: TestClient, header: str | None) -> None:
    assert 401 == asked(client, header)


@pytest.mark.parametrize("token", ["\u00e4", "\x80"])
def test_a_token_that_is_no_text_is_refused(client: TestClient, token: str) -> None:
    response = client.get("/nodes", headers=[(b"Authorization", b"Bearer " + token.encode("latin-1"))])
    assert 401 == response.status_code


def test_two_headers_are_refused(client: TestClient) -> None:
    response = client.get("/nodes", headers=[("Authorization", "Bearer one"), ("Authorization", "Bearer two")])
    assert 401 == response.status_code


def test_a_refusal_is_a_problem_that_says_what_to_show_and_not_what_was_shown(client: TestClient) -> None:
    response = client.get("/trials", headers={"Authorization": "Bearer secret"})
    assert ("application/problem+json", "Bearer") == (
        response.headers["content-type"],
        response.headers["www-authenticate"],
    )
    assert "Authorization: Bearer TOKEN" in response.json()["detail"]
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/trials"), ("GET", "/trials/x"), ("POST", "/recommend"), ("GET", "/nodes"), ("GET", "/nodes/x"),
     ("PUT", "/nodes/x"), ("GET", "/nodes/x/reports"), ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/none")],
)  # fmt: skip
def test_every_route_asks_for_it(client: TestClient, method: str, path: str) -> None:
    assert 401 == client.request(method, path).status_code


def test_health_is_told_to_anyone(client: TestClient) -> None:
    assert 200 == client.get("/healthz").status_code
