"""The pages over HTTP, from real records."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from autoprec_dashboards.extension import dashboard
from autoprec_runner.study import Study
from autoprec_service.exchange import import_jsonl
from autoprec_service.settings import Settings
from autoprec_service.store import open_store
from autoprec_service.testing import make_study, make_trial
from autoprec_service.web.app import create_app

LISTS = ("/", "/ui/models", "/ui/live", "/ui/recommend", "/ui/compare", "/ui/trust")
TOKEN = "ap_test_secret"  # noqa: S105 (of a service of ours)


class Reader(HTMLParser):
    """Notes what a strict content policy would refuse, and what is read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.refused += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.refused.append(tag)
        if tag == "a" and (target := given.get("href")):
            self.links.append(target)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def app_over(place: Path, **settings: object) -> FastAPI:
    return create_app(Settings.model_validate({"db": str(place), **settings}), extensions=[dashboard])


@pytest.fixture(scope="module")
def client(filled_place: Path) -> Iterator[TestClient]:
    with TestClient(app_over(filled_place)) as opened:
        yield opened


@pytest.fixture(scope="module")
def empty(empty_place: Path) -> Iterator[TestClient]:
    with TestClient(app_over(empty_place)) as opened:
        yield opened


@pytest.fixture
def paths(studies: list[Study]) -> list[str]:
    first = studies[0]
    model = f"/ui/models/{first.model_fingerprint}"
    return [
        *LISTS,
        "/ui/nodes/node-0001",
        model,
        f"{model}?show=memory&mode=inference",
        f"{model}?show=stability",
        *(f"/ui/studies/{each.id}" for each in studies),
        f"/ui/recommend?model={first.model_fingerprint}&hardware={first.hardware_key}&current=32-true",
        f"/ui/recommend?model={first.model_fingerprint}&max_memory=1GiB&objective=memory",
        "/ui/compare?by=software",
        "/ui/compare?by=models",
        "/ui/trust?leave=one-out",
        "/?state=stale&architecture=hopper&q=node",
    ]


def test_every_page_is_shown_under_a_strict_content_policy(client: TestClient, paths: list[str]) -> None:
    for path in paths:
        answer = client.get(path)
        assert (200, []) == (answer.status_code, Reader(answer.text).refused), path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy


def test_no_link_of_any_page_leads_nowhere(client: TestClient, paths: list[str]) -> None:
    found = {link for path in paths for link in Reader(client.get(path).text).links if link.startswith("/")}
    assert dict.fromkeys(found, 200) == {link: client.get(link).status_code for link in found}


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/", "autoprec agent --url http://testserver"),
        ("/ui/models", "autoprec suggest train.py:workload"),
        ("/ui/live", "autoprec suggest train.py:workload"),
        ("/ui/recommend", "autoprec.describe(model, batch)"),
        ("/ui/compare", "Measure on another machine."),
        ("/ui/compare?by=software", "After an upgrade, measure again."),
        ("/ui/trust", "curl -X POST http://testserver/recommend"),
    ],
)
def test_an_empty_page_says_what_to_do_next(empty: TestClient, path: str, advice: str) -> None:
    assert advice in "".join(Reader(empty.get(path).text).texts)


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/ui/models/none", 404, "Nothing is known of a model 'none'."),
        ("/ui/studies/none", 404, "There is no study with the id 'none'."),
        ("/ui/studies/none/record.jsonl", 404, "There is no study with the id 'none'."),
        ("/ui/trials/none", 404, "There is no trial with the id 'none'."),
        ("/ui/nodes/none", 404, "No agent has reported a machine 'none'."),
        ("/ui/none/at/all", 404, "There is nothing at /ui/none/at/all."),
        ("/ui/models?after=none", 404, "start anew"),
        ("/?state=asleep", 400, "is not one of: online, stale, lost"),
        ("/ui/compare?by=weather", 400, "is not one of: hardware, software, models"),
        ("/ui/recommend?model=x&max_memory=lots", 400, "Write it as 40GiB, or in bytes."),
        (f"/ui/recommend?model={'x' * 150}", 400, "model_fingerprint"),
        ("/ui/static/app.000000000000.css", 404, "load the page again"),
    ],
)
def test_what_is_not_there_is_told_on_a_page(client: TestClient, path: str, status: int, told: str) -> None:
    answer = client.get(path)
    assert (status, True) == (answer.status_code, answer.headers["content-type"].startswith("text/html"))
    assert told in "".join(Reader(answer.text).texts)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=node-0003", ["node-0003"]),
        ("q=tesla t4", ["node-0003", "node-0008"]),
        ("state=lost", ["node-0011"]),
        ("state=stale&architecture=hopper", ["node-0005"]),
        ("after=node-0009", ["node-0010", "node-0011"]),
    ],
)
def test_machines_are_filtered_by_the_address(client: TestClient, query: str, names: list[str]) -> None:
    links = Reader(client.get(f"/?{query}").text).links
    assert names == [link.removeprefix("/ui/nodes/") for link in links if link.startswith("/ui/nodes/")]


def test_a_comparison_of_what_is_not_in_the_list_can_be_linked_to(client: TestClient) -> None:
    page = client.get("/ui/compare?by=models&a=elsewhere").text
    assert '<option value="elsewhere" selected>elsewhere</option>' in page


def test_hours_lost_are_told_of_what_runs(client: TestClient) -> None:
    page = client.get("/").text
    assert "Hours lost to the wrong precision" in page
    assert '<span class="tag bad">unstable</span>' in page


def test_a_page_of_models_is_never_longer_than_fifty(tmp_path: Path) -> None:
    place = tmp_path / "store.db"
    with open_store(place) as store:
        store.save_studies(
            make_study(id=f"{number:03}", model_fingerprint=f"{number:03}", workload=f"model {number:03}: a model")
            for number in range(60)
        )
    with TestClient(app_over(place)) as client:
        first = Reader(client.get("/ui/models").text).links
        (following,) = (link for link in first if "after=" in link)
        second = Reader(client.get(following).text).links
    shown = [[link for link in links if re.fullmatch(r"/ui/models/\d{3}", link)] for links in (first, second)]
    assert [50, 10] == [len(each) for each in shown]
    assert 60 == len({*shown[0], *shown[1]})


HOSTILE = '<script>window.ran=1</script><img src=x onerror="window.ran=1">"\'{{7*7}}'


def test_whatever_others_chose_as_names_is_text(tmp_path: Path) -> None:
    place = tmp_path / "store.db"
    with open_store(place) as store:
        store.save_study(make_study(workload=f"{HOSTILE}: {HOSTILE}", model_fingerprint="m", hardware_key=HOSTILE))
        store.add_trials(
            [make_trial(model_fingerprint="m", hardware_key=HOSTILE, reason=HOSTILE, losses=(1.0, 0.5)),
             make_trial("bf16-mixed", model_fingerprint="m", hardware_key=HOSTILE, status="error", reason=HOSTILE)]
        )  # fmt: skip
    with TestClient(app_over(place)) as client:
        for path in (*LISTS, "/ui/models/m", "/ui/studies/study-a", "/ui/recommend?model=m"):
            page = client.get(path).text
            assert "<script>window" not in page, path
            assert "<img src=x" not in page, path
            assert [] == Reader(page).refused, path
        assert HOSTILE in "".join(Reader(client.get("/ui/studies/study-a").text).texts)


def test_the_record_of_a_study_can_be_imported_elsewhere(
    client: TestClient, tmp_path: Path, studies: list[Study]
) -> None:
    answer = client.get(f"/ui/studies/{studies[0].id}/record.jsonl")
    with open_store(tmp_path / "store.db") as store:
        report = import_jsonl(store, StringIO(answer.text))
        assert ([], [studies[0]]) == ([*report.refused], store.studies())


def test_the_files_of_a_page_may_be_kept_for_good(client: TestClient) -> None:
    addresses = re.findall(r"/ui/static/[\w.-]+", client.get("/").text)
    assert {"app", "figures", "icon", "plotly", "theme"} == {each.split("/")[-1].split(".")[0] for each in addresses}
    for each in addresses:
        answer = client.get(each)
        assert (200, "public, max-age=31536000, immutable", "gzip") == (
            answer.status_code,
            answer.headers["cache-control"],
            answer.headers["content-encoding"],
        )


def test_figures_import_the_script_that_the_page_loads(client: TestClient) -> None:
    page = client.get("/").text
    app, figures = (re.search(rf"/ui/static/({name}\.\w+\.js)", page) for name in ("app", "figures"))
    assert app is not None
    assert figures is not None
    assert f'from "./{app[1]}"' in client.get(figures[0]).text


@pytest.fixture(scope="module")
def service_with_token(empty_place: Path) -> Iterator[TestClient]:
    with TestClient(app_over(empty_place, tokens=(SecretStr(TOKEN),)), follow_redirects=False) as opened:
        opened.headers["Accept"] = "text/html"
        yield opened


@pytest.fixture
def closed(service_with_token: TestClient) -> TestClient:
    """A service that asks for a token, and a browser that has none."""
    service_with_token.cookies.clear()
    return service_with_token


@pytest.mark.parametrize("path", [*LISTS, "/ui/models/x", "/ui/studies/x", "/ui/trials/x", "/ui/nodes/x"])
def test_a_stranger_is_sent_to_sign_in_and_back(closed: TestClient, path: str) -> None:
    answer = closed.get(path)
    assert (303, True) == (answer.status_code, answer.headers["location"].startswith("/ui/login?next="))
    asked = closed.get(answer.headers["location"])
    assert f'name="next" value="{path}"' in asked.text
    signed_in = closed.post("/ui/login", data={"token": f" {TOKEN} ", "next": path})
    assert (303, path) == (signed_in.status_code, signed_in.headers["location"])
    assert closed.get(path).status_code in {200, 404}


def test_the_token_is_kept_where_no_script_and_no_other_site_gets_it(closed: TestClient) -> None:
    cookie = closed.post("/ui/login", data={"token": TOKEN}).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {each.strip() for each in cookie.split(";")}


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], "x" * 9000])
def test_a_token_that_is_not_known_is_refused_in_words(closed: TestClient, token: str) -> None:
    answer = closed.post("/ui/login", data={"token": token})
    assert (403, None) == (answer.status_code, answer.headers.get("set-cookie"))
    assert "This token is not known here" in answer.text
    assert "x" * 100 not in answer.text


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_signing_in_never_leads_to_another_site(closed: TestClient, target: str) -> None:
    assert "/" == closed.post("/ui/login", data={"token": TOKEN, "next": target}).headers["location"]


def test_signing_out_forgets_the_token(closed: TestClient) -> None:
    closed.post("/ui/login", data={"token": TOKEN})
    assert "Sign out" in closed.get("/").text
    assert "/ui/login" == closed.post("/ui/logout").headers["location"]
    assert 303 == closed.get("/").status_code


def test_pages_are_not_part_of_the_contract_for_programs(client: TestClient) -> None:
    assert [] == [path for path in client.get("/openapi.json").json()["paths"] if path == "/" or path.startswith("/ui")]
