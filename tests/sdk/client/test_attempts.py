"""How often a call is repeated, and what becomes of what does not help: over a transport made of replies."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from autoprec import Client
from autoprec.client.attempts import Patience
from autoprec.client.errors import AnswerError, ClientError, RefusedError, UnreachableError
from autoprec_service.testing.factories import make_study, make_trial

Reply = httpx.Response | Exception
SECRET = "ap_1_topsecret"  # noqa: S105 (made up)
STORED = {"stored": 1, "known": 0}


class Service:
    """Answers with one reply after the other, and keeps what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def client(self, **patience: Any) -> Client:
        return Client(
            "https://host/base/",
            SECRET,
            transport=httpx.MockTransport(self.answer),
            patience=Patience(**patience),
            sleep=self.pauses.append,
        )


def away() -> httpx.ConnectError:
    return httpx.ConnectError("Connection refused")


def problem(status: int, detail: str = "Something.", headers: dict[str, str] | None = None) -> httpx.Response:
    body = {"title": "A problem", "status": status, "detail": detail}
    return httpx.Response(
        status, content=json.dumps(body), headers={"Content-Type": "application/problem+json", **(headers or {})}
    )


def good() -> httpx.Response:
    return httpx.Response(200, json=STORED)


def save(client: Client) -> object:
    return client.save_studies([make_study()])


@pytest.mark.parametrize(
    "trouble",
    [away, lambda: httpx.ReadTimeout("too slow"), lambda: httpx.RemoteProtocolError("cut off")]
    + [lambda status=status: problem(status) for status in (429, 502, 503, 504)],
)
def test_what_may_pass_is_waited_for(trouble: Callable[[], Reply]) -> None:
    service = Service(trouble(), trouble(), good())
    with service.client() as client:
        assert 1 == client.save_studies([make_study()]).stored
    assert [3, 2] == [len(service.requests), len(service.pauses)]


def test_every_attempt_at_a_call_has_the_same_key_and_every_call_another() -> None:
    service = Service(away(), good(), good())
    with service.client() as client:
        save(client)
        save(client)
    first, again, second = (each.headers["Idempotency-Key"] for each in service.requests)
    assert first == again != second


def test_pauses_double_up_to_a_limit_and_are_never_less_than_half() -> None:
    service = Service(*[away() for _ in range(6)], good())
    with service.client(retries=6, first_pause_seconds=1.0, longest_pause_seconds=4.0) as client:
        save(client)
    limits = [1.0, 2.0, 4.0, 4.0, 4.0, 4.0]
    assert all(limit / 2 <= pause <= limit for pause, limit in zip(service.pauses, limits, strict=True))


def test_a_service_that_says_how_long_is_believed() -> None:
    service = Service(problem(429, headers={"Retry-After": "7"}), good())
    with service.client() as client:
        save(client)
    assert [7.0] == service.pauses


def test_a_service_that_wants_to_be_left_alone_for_too_long_is_no_longer_waited_for() -> None:
    service = Service(problem(503, "Moving house.", {"Retry-After": "3600"}))
    with service.client() as client, pytest.raises(UnreachableError, match=r"Moving house\.; .* for 3600 s"):
        save(client)
    assert [] == service.pauses


@pytest.mark.parametrize(("retries", "told"), [(0, "once"), (2, "3 times")])
def test_patience_ends_with_what_was_wrong_and_what_to_do(retries: int, told: str) -> None:
    service = Service(*[away() for _ in range(retries + 1)])
    with service.client(retries=retries) as client, pytest.raises(UnreachableError) as ended:
        save(client)
    assert f"https://host/base was asked {told}" in str(ended.value)
    assert "Connection refused" in str(ended.value)
    assert "ask again later" in str(ended.value)


@pytest.mark.parametrize("status", [400, 401, 403, 409, 413, 422, 500])
def test_a_problem_is_told_and_not_repeated(status: int) -> None:
    service = Service(problem(status, "Only this way."))
    with service.client() as client, pytest.raises(RefusedError) as refused:
        save(client)
    assert (1, status, "A problem", "Only this way.") == (
        len(service.requests),
        refused.value.status,
        refused.value.title,
        refused.value.detail,
    )
    assert (status >= 500) == refused.value.is_a_failure
    assert ("AUTOPREC_TOKEN" in str(refused.value)) == (status == 401)


STRANGE = {
    "a page": httpx.Response(200, text="<html>Sign in</html>"),
    "another answer": httpx.Response(200, json={"stored": "many"}),
    "a redirect": httpx.Response(307, headers={"Location": "https://elsewhere/studies"}),
    "another server": httpx.Response(404, text="nothing here"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_service_is_called_so(name: str) -> None:
    service = Service(STRANGE[name])
    with service.client() as client, pytest.raises(AnswerError, match="Check the URL"):
        save(client)
    assert ["host"] == [each.url.host for each in service.requests]


@pytest.mark.parametrize("reply", [away(), problem(500), problem(401), httpx.Response(200, text="\x1b[2J strange")])
def test_no_error_holds_the_token_or_writes_to_the_terminal(reply: Reply) -> None:
    with Service(reply).client(retries=0) as client, pytest.raises(ClientError) as told:
        save(client)
    assert (False, False) == (SECRET in f"{told.value!r}", "\x1b" in str(told.value))


def test_a_request_says_who_asks_and_shows_the_token() -> None:
    service = Service(good())
    with service.client() as client:
        save(client)
    (request,) = service.requests
    assert "https://host/base/studies" == str(request.url)
    assert request.headers["User-Agent"].startswith("autoprec/")
    assert f"Bearer {SECRET}" == request.headers["Authorization"]


def test_many_records_go_in_batches() -> None:
    service = Service(good(), good(), good())
    with service.client() as client:
        client.add_trials(make_trial(id=str(number)) for number in range(1001))
    assert [500, 500, 1] == [len(json.loads(each.content)) for each in service.requests]


def test_a_precision_that_is_not_installed_here_is_read_as_it_was_measured() -> None:
    fields = json.loads(make_trial().model_dump_json())
    fields["candidate"]["precision"] = "posit-16"
    service = Service(httpx.Response(200, json=[fields]))
    with service.client() as client:
        assert ["posit-16"] == [each.candidate.precision for each in client.trials()]


def test_pages_follow_each_other_until_one_is_short() -> None:
    def page(numbers: Sequence[int]) -> httpx.Response:
        return httpx.Response(200, json=[json.loads(make_trial(id=str(each)).model_dump_json()) for each in numbers])

    service = Service(page(range(200)), page(range(200, 400)), page([]))
    with service.client() as client:
        assert 400 == len(list(client.trials(precision="32-true")))
    assert [None, "199", "399"] == [each.url.params.get("after") for each in service.requests]
    assert {"32-true"} == {each.url.params["precision"] for each in service.requests}
