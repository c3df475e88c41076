"""Tokens: made, shown, expired, revoked."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from autoprec_service.access import Access, IssuedToken, Principal
from autoprec_service.errors import AccessError


def issue(access: Access, **changes: Any) -> IssuedToken:
    fields = {"tenant": "default", "name": "a test", "scopes": ("read",), "created_by": "tests"}
    return access.tokens.issue(**(fields | changes))


def whose(access: Access, token: str) -> Principal | None:
    found = access.tokens.authenticate(token)
    return None if found is None else found[0]


def test_a_token_names_itself_and_holds_256_random_bits(access: Access) -> None:
    one, other = issue(access), issue(access)
    assert re.fullmatch(rf"ap_{one.id}_[A-Za-z0-9_-]{{43}}", one.token)
    assert len({one.token[-43:], other.token[-43:]}) == 2


def test_it_tells_whose_it_is(access: Access) -> None:
    made = issue(access, tenant="team", scopes=("report", "read"))
    expected = Principal(tenant="team", scopes=frozenset({"read", "report"}), token_id=made.id)
    assert expected == whose(access, made.token)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token + "A",
        lambda token: token[:-1],
        lambda token: token.upper(),
        lambda token: token.replace("ap_", "ap-"),
        lambda _: "",
        lambda _: "ap_" + "0" * 12 + "_" + "A" * 43,
        lambda _: "\0",
    ],
)
def test_anything_else_is_nobody(access: Access, change: Callable[[str], str]) -> None:
    assert whose(access, change(issue(access).token)) is None


def test_it_ends_when_it_was_said_to(access: Access, clock: Any) -> None:
    made = issue(access, expires_at=clock() + timedelta(hours=1))
    clock.passes(minutes=59)
    assert whose(access, made.token) is not None
    clock.passes(minutes=1)
    assert whose(access, made.token) is None


def test_a_revoked_one_is_nobodys_and_stays_in_the_list(access: Access, clock: Any) -> None:
    made = issue(access)
    clock.passes(hours=1)
    first = access.tokens.revoke(made.id, tenant="default")
    clock.passes(hours=1)
    assert first == access.tokens.revoke(made.id, tenant="default")
    assert whose(access, made.token) is None
    assert [first] == access.tokens.tokens("default")


def test_nobody_revokes_the_token_of_another_tenant(access: Access) -> None:
    made = issue(access, tenant="one")
    with pytest.raises(AccessError, match=made.id):
        access.tokens.revoke(made.id, tenant="two")
    assert whose(access, made.token) is not None
    assert access.tokens.revoke(made.id, tenant=None).revoked_at is not None


def test_its_use_is_noted_once_a_minute(access: Access, clock: Any) -> None:
    made, begun = issue(access), clock()
    assert access.tokens.tokens("default")[0].last_used_at is None
    noted = []
    for _ in range(3):
        whose(access, made.token)
        noted.append(access.tokens.tokens("default")[0].last_used_at)
        clock.passes(seconds=40)
    assert [begun, begun, begun + timedelta(seconds=80)] == noted


def test_a_refused_one_notes_nothing(access: Access) -> None:
    made = issue(access)
    whose(access, made.token[:-2] + "xx")
    assert access.tokens.tokens("default")[0].last_used_at is None


def test_lists_come_in_pages_and_by_tenant(access: Access) -> None:
    made = [issue(access, tenant=tenant).id for tenant in ("one", "two", "one")]
    first = access.tokens.tokens("one", limit=1)
    second = access.tokens.tokens("one", limit=1, after=first[0].id)
    assert [made[0], made[2]] == [first[0].id, second[0].id]
    assert made == [each.id for each in access.tokens.tokens(None)]
    assert ["one", "two"] == access.tokens.tenants()
    with pytest.raises(AccessError, match=made[1]):
        access.tokens.tokens("one", after=made[1])


def test_there_are_good_tokens_until_the_last_has_ended(access: Access, clock: Any) -> None:
    assert not access.tokens.any_good()
    issue(access, expires_at=clock() + timedelta(hours=1))
    revoked = issue(access)
    access.tokens.revoke(revoked.id, tenant=None)
    assert access.tokens.any_good()
    clock.passes(hours=2)
    assert not access.tokens.any_good()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tenant": ""}, "tenant"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenant": "x" * 64}, "tenant"),
        ({"name": ""}, "none that control"),
        ({"name": "a\nb"}, "none that control"),
        ({"name": "x" * 201}, "200"),
        ({"scopes": ()}, "read, report, admin"),
        ({"scopes": ("write",)}, "read, report, admin"),
    ],
)
def test_what_a_token_cannot_be_is_refused(access: Access, change: dict[str, Any], told: str) -> None:
    with pytest.raises(AccessError, match=told):
        issue(access, **change)
    assert [] == access.tokens.tokens(None)


def test_a_token_that_would_have_ended_is_refused(access: Access, clock: Any) -> None:
    with pytest.raises(AccessError, match="a time to come"):
        issue(access, expires_at=clock())
