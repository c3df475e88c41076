"""What a reply means."""

import pytest

from autoprec_probe.agent.transport import Reply
from autoprec_probe.agent.verdict import judge

RECEIPT = b'{"stored": 2, "known": 1, "profile_wanted": true}'


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (301, "elsewhere"),
        (302, "elsewhere"),
        (307, "elsewhere"),
        (400, "refused"),
        (401, "denied"),
        (403, "denied"),
        (404, "elsewhere"),
        (405, "elsewhere"),
        (408, "away"),
        (409, "refused"),
        (413, "refused"),
        (415, "refused"),
        (422, "refused"),
        (429, "away"),
        (500, "away"),
        (502, "away"),
        (503, "away"),
    ],
)
def test_each_status_has_its_meaning_and_is_told(status: int, meaning: str) -> None:
    verdict = judge(Reply(status=status, body=b"because"), 1)
    assert (meaning, f"HTTP {status} because") == (verdict.meaning, verdict.reason)


def test_a_receipt_for_all_means_delivered() -> None:
    verdict = judge(Reply(status=200, body=RECEIPT), 3)
    assert ("delivered", True) == (verdict.meaning, verdict.profile_wanted)


@pytest.mark.parametrize("body", [b"", b"<html>Please sign in</html>", b"[]", b"{}", RECEIPT, b"\xff"])
def test_a_success_without_a_receipt_for_every_report_is_not_believed(body: bytes) -> None:
    assert "elsewhere" == judge(Reply(status=200, body=body), 4).meaning


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("999999", 3600.0), ("-1", None), ("soon", None)])
def test_the_service_may_ask_to_be_left_alone_for_a_while(header: str, seconds: float | None) -> None:
    assert seconds == judge(Reply(status=503, retry_after=header), 1).wait_seconds


def test_a_body_is_shown_in_one_short_harmless_line() -> None:
    reason = judge(Reply(status=500, body=b"a\x1b[31m\nb" * 1000), 1).reason
    assert (True, True) == (reason.isprintable(), len(reason) < 320)
