"""Where the service is, and what is never shown of it."""

from typing import Any

import pytest

from autoprec import Client
from autoprec.client.address import chosen_address, named_url
from autoprec.client.errors import AddressError

SECRET = "ap_1_topsecret"  # noqa: S105 (made up)


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOPREC_URL", "http://localhost:1")
    monkeypatch.setenv("AUTOPREC_TOKEN", "other")
    found = chosen_address()
    assert ("http://localhost:1", "other") == (found.url, found.token)
    found = chosen_address("http://localhost:2/", SECRET)
    assert ("http://localhost:2", SECRET) == (found.url, found.token)


def test_no_service_is_named_by_an_empty_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOPREC_URL", "")
    assert named_url() is None
    with pytest.raises(AddressError, match="AUTOPREC_URL"):
        Client()


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{SECRET}@host",
        f"http://{SECRET}@host",
        f"http://host/?token={SECRET}",
        f"ftp://host/?token={SECRET}",
        "host:8321",
        "http://",
        "http://host:port",
        "http://host/#part",
        "/a/path",
    ],
)
def test_a_url_that_cannot_be_asked_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(AddressError, match=r"Give one such as https|AUTOPREC_TOKEN") as refused:
        chosen_address(url)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("token", ["two words", "new\nline", "schlüssel"])
def test_a_token_that_cannot_travel_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(AddressError, match="cannot travel") as refused:
        chosen_address("http://localhost", token)
    assert token not in str(refused.value)


def test_a_token_is_in_no_representation() -> None:
    address = chosen_address("https://host", SECRET)
    with Client("https://host", SECRET) as client:
        assert "Client('https://host')" == repr(client)
    assert SECRET not in f"{address!r} {address}"


def test_a_token_that_travels_unencrypted_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"unencrypted to host: .* https://") as warned:
        Client("http://host", SECRET).close()
    assert SECRET not in str(warned[0].message)


@pytest.mark.parametrize("arguments", [("http://127.0.0.1:1", SECRET), ("https://host", SECRET), ("http://host", None)])
def test_nothing_is_warned_of_where_no_token_can_be_overheard(arguments: tuple[Any, ...]) -> None:
    Client(*arguments).close()
