"""Whose token it is, from memory or from the database."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from autoprec_service.access import Access, IssuedToken
from autoprec_service.access.doorkeeper import Doorkeeper
from autoprec_service.access.exposure import check_exposure
from autoprec_service.errors import SettingsError
from autoprec_service.settings import Settings

ANYWHERE = "0.0.0.0"  # noqa: S104 (nothing is bound)


def keeper(access: Access, clock: Any, **settings: Any) -> Doorkeeper:
    return Doorkeeper(access.tokens, Settings(**settings), clock=clock)


def issue(access: Access, **rest: Any) -> IssuedToken:
    return access.tokens.issue(tenant="t", name="a test", scopes=("read",), created_by="tests", **rest)


def test_a_token_is_remembered_until_it_is_forgotten(access: Access, clock: Any) -> None:
    door, made = keeper(access, clock), issue(access)
    assert door.remembered(made.token) is None
    found = door.authenticate(made.token)
    assert found is not None
    assert found == door.remembered(made.token)
    access.tokens.revoke(made.id, tenant=None)
    assert found == door.authenticate(made.token)
    door.forget(made.id)
    assert door.authenticate(made.token) is None


def test_a_remembered_token_ends_on_time(access: Access, clock: Any) -> None:
    door, made = keeper(access, clock), issue(access, expires_at=clock() + timedelta(seconds=1))
    assert door.authenticate(made.token) is not None
    clock.passes(seconds=1)
    assert door.authenticate(made.token) is None


def test_tokens_of_the_settings_are_admins_of_the_default_tenant(access: Access, clock: Any) -> None:
    door = keeper(access, clock, admin_token=SecretStr("first"), tokens=(SecretStr("second"),))
    found = [door.authenticate(each) for each in ("first", "second", "third")]
    assert [("default", True), ("default", True), None] == [each and (each.tenant, each.may("admin")) for each in found]


def test_everybody_is_let_in_on_loopback_as_long_as_there_is_no_token(access: Access, clock: Any) -> None:
    door = keeper(access, clock)
    assert door.everybody() is not None
    issue(access)
    door.forget_everybody()
    assert door.everybody() is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        ({"host": ANYWHERE}, False),
        ({"host": ANYWHERE, "allow_anonymous": True}, True),
        ({"tokens": "one"}, False),
        ({"tokens": "one", "allow_anonymous": True}, True),
    ],
)
def test_whether_a_token_is_needed(access: Access, clock: Any, settings: dict[str, Any], *, expected: bool) -> None:
    assert expected == (keeper(access, clock, **settings).everybody() is not None)


def test_beyond_this_machine_it_takes_a_token_to_start(access: Access) -> None:
    exposed = Settings(host=ANYWHERE)
    with pytest.raises(SettingsError, match=r"autoprec token create.*AUTOPREC_ADMIN_TOKEN_FILE"):
        check_exposure(exposed, access.tokens)
    for allowed in ({"host": "127.0.0.1"}, {"allow_anonymous": True}, {"tokens": "one"}, {"admin_token": "one"}):
        check_exposure(Settings(**({"host": ANYWHERE} | allowed)), access.tokens)
    issue(access)
    check_exposure(exposed, access.tokens)
