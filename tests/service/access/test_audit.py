"""The log of who did what."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from autoprec_service.access import Access, Principal


def test_entries_come_newest_first_by_tenant_and_in_pages(access: Access) -> None:
    for number in range(3):
        access.audit.add(tenant="one", actor="someone", action="report", subject=f"trials {number}", stored=number)
    access.audit.add(tenant="two", actor="other", action="prune", subject="trials")
    first = access.audit.entries("one", limit=2)
    rest = access.audit.entries("one", limit=2, before=first[-1].position)
    assert ["trials 2", "trials 1", "trials 0"] == [each.subject for each in [*first, *rest]]
    assert ({"stored": 2}, "someone", "report", "one") == (
        first[0].detail,
        first[0].actor,
        first[0].action,
        first[0].tenant,
    )


def test_who_needs_no_token_is_anonymous(access: Access, clock: object) -> None:
    access.audit.note(Principal(tenant="t", scopes=frozenset({"admin"})), "token.create", "id")
    entry = access.audit.entries("t")[0]
    assert ("anonymous", {}) == (entry.actor, entry.detail)
    assert callable(clock)
    assert clock() == entry.at


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_or_remove_an_entry(access: Access, statement: str) -> None:
    access.audit.add(tenant="t", actor="someone", action="report", subject="trials")
    with pytest.raises(DatabaseError, match="only grows"), access.engine.begin() as connection:
        connection.execute(text(statement))
    assert ["someone"] == [each.actor for each in access.audit.entries("t")]
