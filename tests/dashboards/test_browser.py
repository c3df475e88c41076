"""The pages in a real Chromium, over a real service."""

import csv
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="the pages are driven by Playwright")
pytest.importorskip("axe_playwright_python", reason="accessibility is judged by axe-core")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")

from playwright.sync_api import Browser, Page, expect, sync_playwright

from autoprec_dashboards.pages.study import replay_command
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.store import open_store
from autoprec_service.testing import make_study, make_trial
from browsing import ARGUMENTS, barriers, complaints_of, draw_everything, running

Opener = Callable[..., Page]
Recorded = Callable[..., tuple[Study, list[Trial]]]
PATIENCE_MILLISECONDS = 20_000  # with a busy machine; nothing that works takes so long
PHONE = {"width": 390, "height": 780}
TOKEN = "ap_test_secret"  # noqa: S105 (of a service of ours)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def place(filled_place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of its own, which tests add to."""
    return Path(shutil.copy(filled_place, tmp_path_factory.mktemp("browser") / "store.db"))


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    with running(place) as address:
        yield address


@pytest.fixture
def opener(browser: Browser, url: str) -> Iterator[Opener]:
    """Open a path in a window of its own; the arguments are those of a browser context."""
    contexts = []

    def opened(path: str, **settings: object) -> Page:
        context = browser.new_context(base_url=url, **settings)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("data-ready", "yes")
        return page

    yield opened
    for each in contexts:
        each.close()


@pytest.fixture
def page_paths(studies: list[Study]) -> list[str]:
    first = studies[0]
    return [
        "/",
        "/ui/nodes/node-0001",
        "/ui/models",
        f"/ui/models/{first.model_fingerprint}",
        f"/ui/studies/{studies[7].id}",
        "/ui/live",
        "/ui/recommend",
        f"/ui/recommend?model={first.model_fingerprint}&hardware={first.hardware_key}",
        "/ui/compare",
        "/ui/trust",
        "/ui/login",
        "/ui/models/none",
    ]


def rows_of(table: Path) -> list[list[str]]:
    return [*csv.reader(table.read_text().splitlines())]


@pytest.mark.parametrize(("scheme", "rules"), [("light", ()), ("dark", ("color-contrast",))])
def test_every_page_works_without_a_complaint_and_without_a_barrier(
    opener: Opener, page_paths: list[str], scheme: str, rules: tuple[str, ...]
) -> None:
    page = opener("/ui/models", color_scheme=scheme)
    complaints = complaints_of(page)
    found: dict[str, list[str]] = {}
    for path in page_paths:
        page.goto(path)
        draw_everything(page)
        if broken := barriers(page, *rules):
            found[path] = broken
    assert {} == found
    assert [each for each in complaints if "404" in each] == complaints  # of the page that is not there
    assert 1 == len(complaints)


def test_every_figure_of_a_study_is_drawn_and_its_numbers_can_be_kept(
    opener: Opener, studies: list[Study], tmp_path: Path
) -> None:
    page = opener(f"/ui/studies/{studies[7].id}")
    assert 6 == draw_everything(page)
    for number in range(6):
        with page.expect_download() as table:
            page.locator("[data-figure-csv]").nth(number).click()
        table.value.save_as(tmp_path / "figure.csv")
        assert 2 <= len(rows_of(tmp_path / "figure.csv"))


@pytest.mark.parametrize("figure", ["tradeoff", "losses"])
def test_a_figure_can_be_kept_as_an_image(opener: Opener, studies: list[Study], tmp_path: Path, figure: str) -> None:
    page = opener(f"/ui/studies/{studies[7].id}")
    with page.expect_download() as png:
        page.locator(f"#figure-{figure} [data-png]").click()
    png.value.save_as(tmp_path / "figure.png")
    assert f"figure-{figure}.png" == png.value.suggested_filename
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_every_table_can_be_kept_with_its_units(opener: Opener, studies: list[Study], tmp_path: Path) -> None:
    for path in ("/", "/ui/models", f"/ui/models/{studies[0].model_fingerprint}", f"/ui/studies/{studies[0].id}"):
        page = opener(path)
        for number in range(page.locator("[data-csv]").count()):
            with page.expect_download() as table:
                page.locator("[data-csv]").nth(number).click()
            table.value.save_as(tmp_path / "table.csv")
            rows = rows_of(tmp_path / "table.csv")
            assert len(rows) >= 2
            assert {len(rows[0])} == {len(row) for row in rows}
    assert "ms" in rows[1][rows[0].index("step time")]


def test_a_name_that_looks_like_a_formula_computes_nothing_in_a_spreadsheet(opener: Opener) -> None:
    page = opener("/ui/models")
    cell = "async text => (await import(document.querySelector('script[src*=\"/app.\"]').src)).csvCell(text)"
    assert "'=1+1" == page.evaluate(cell, "=1+1")
    assert "-1.5" == page.evaluate(cell, "-1.5")
    assert '"a, ""b"""' == page.evaluate(cell, 'a, "b"')


def test_a_study_is_shown_as_it_happens(opener: Opener, place: Path, recorded: Recorded) -> None:
    study, trials = recorded("wide MLP", cores=1)
    began = datetime.now(UTC)
    going = study.model_copy(
        update={
            "id": "going",
            "model_fingerprint": "going",
            "workload": "going on: a model",
            "status": "running",
            "started_at": began,
            "finished_at": None,
        }
    )
    own = [
        each.model_copy(update={"id": f"going-{number}", "study_id": "going", "model_fingerprint": "going"})
        for number, each in enumerate(trials)
    ]
    page = opener("/ui/live")
    expect(page.locator("#live")).to_have_text("live")
    page.evaluate("window.stayed = true")
    with open_store(place) as store:
        store.save_study(going)
        card = page.get_by_role("article").filter(has_text="going on")
        expect(card).to_contain_text("Its first trial has not finished yet.")
        expect(card).to_contain_text("time left")
        store.add_trials(own[:3])
        expect(card.locator("[aria-current=step]")).to_have_text("sprint · 3")
        whole = opener("/ui/studies/going")
        whole.evaluate("window.stayed = true")
        expect(whole.locator("#live")).to_have_text("live")
        expect(whole.locator("#candidates-table tbody tr")).to_have_count(3)
        store.add_trials(own[3:])
        expect(whole.locator("#candidates-table tbody tr")).to_have_count(len({each.candidate for each in own}))
        expect(whole.locator("#candidates")).to_contain_text("unstable")
        store.save_study(going.model_copy(update={"status": "complete", "finished_at": began + timedelta(seconds=9)}))
        expect(whole.locator("#answer-title")).to_have_text("Recommended")
        expect(card).to_have_count(0)
        expect(page.locator("#ended")).to_contain_text("going on")
    assert [True, True] == [each.evaluate("window.stayed") for each in (page, whole)]


def test_every_filter_is_in_the_address(opener: Opener, studies: list[Study]) -> None:
    page = opener("/")
    page.get_by_role("combobox", name="State").select_option("stale")
    page.wait_for_url("**/?state=stale")
    page.get_by_role("combobox", name="Architecture").select_option("hopper")
    page.wait_for_url("**/?state=stale&architecture=hopper")
    expect(page.locator("#machines-table tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    page.wait_for_url("**/")
    page.get_by_role("searchbox").fill("tesla")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**/?q=tesla")
    expect(page.locator("#machines-table tbody tr")).to_have_count(4)

    page = opener("/ui/models")
    page.get_by_role("searchbox").fill("wide")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/ui/models?q=wide")
    expect(page.locator("#models-table tbody tr")).to_have_count(1)

    page = opener(f"/ui/models/{studies[0].model_fingerprint}")
    page.get_by_role("link", name="memory", exact=True).click()
    page.wait_for_url("**?show=memory")
    page.get_by_role("link", name="inference").click()
    page.wait_for_url("**?show=memory&mode=inference")
    page.go_back()
    expect(page.locator("#heat")).to_contain_text("MiB")

    page = opener("/ui/compare")
    page.get_by_role("link", name="models", exact=True).click()
    page.wait_for_url("**?by=models")
    page.get_by_role("combobox", name="Right").select_option(index=2)
    page.wait_for_url("**&b=*")
    page.get_by_role("link", name="Swap").click()
    page.wait_for_url("**?by=models&a=*")

    page = opener(f"/ui/recommend?model={studies[1].model_fingerprint}")
    page.get_by_role("combobox", name="Hardware").select_option(studies[1].hardware_key)
    page.wait_for_url("**&hardware=*")
    page.get_by_role("combobox", name="Objective").select_option("memory")
    page.wait_for_url("**&objective=memory*")
    page.get_by_role("combobox", name="You use now").select_option("32-true")
    page.wait_for_url("**&current=32-true")
    page.get_by_label("At most, memory").fill("1GiB")
    page.get_by_label("At most, memory").press("Enter")
    page.wait_for_url("**&max_memory=1GiB*")
    expect(page.locator("#verdict")).to_contain_text("bf16-mixed")


def test_every_copy_button_copies_what_stands_beside_it(opener: Opener, studies: list[Study]) -> None:
    found = {}
    for path in (
        f"/ui/recommend?model={studies[1].model_fingerprint}&hardware={studies[1].hardware_key}&mode=train",
        f"/ui/studies/{studies[1].id}",
    ):
        page = opener(path, permissions=["clipboard-read", "clipboard-write"])
        for button in page.locator("[data-copy]").all():
            name = button.get_attribute("aria-label") or button.inner_text()
            button.click()
            expect(button).to_have_text("Copied")
            found[name] = page.evaluate("navigator.clipboard.readText()")
    assert {
        "Copy": "bf16-mixed",
        "Copy for Lightning Fabric": "Fabric(precision='bf16-mixed')",
        "Copy for Lightning Trainer": "Trainer(precision='bf16-mixed')",
        "Copy for Accelerate": "Accelerator(mixed_precision='bf16')",
        "Copy for Transformers": "TrainingArguments(bf16=True)",
        "Copy for FSDP": "MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)",
        "Copy the command": replay_command(studies[1]),
    }.items() <= found.items()
    assert {"Copy for DeepSpeed", "Copy for plain PyTorch"} <= found.keys()


def test_everything_can_be_reached_by_keys_alone(opener: Opener) -> None:
    page = opener("/")
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    press("g")
    press("m")
    page.wait_for_url("**/ui/models")
    press("j")
    press("j")
    press("k")
    focused = page.evaluate("document.activeElement.textContent")
    press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(focused)
    press("g")
    press("f")
    page.wait_for_url("**/")
    press("/")
    page.keyboard.type("node-0003")
    press("Enter")
    page.wait_for_url("**/?q=node-0003")
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_lists_are_turned_over_by_keys(opener: Opener, place: Path) -> None:
    with open_store(place) as store:
        store.save_studies(
            make_study(id=f"many-{number}", model_fingerprint="many", workload="many studies") for number in range(25)
        )
    page = opener("/ui/models/many")
    expect(page.locator("#studies-table tbody tr")).to_have_count(20)
    page.keyboard.press("n")
    page.wait_for_url("**after=*")
    expect(page.locator("#studies-table tbody tr")).to_have_count(5)
    page.keyboard.press("p")
    page.wait_for_url("**/ui/models/many")


def lightness(page: Page) -> int:
    """Return how light the paper is, 0 to 765."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(each) for each in colour.removeprefix("rgb(").removesuffix(")").split(","))


def test_pages_are_dark_where_the_system_is_and_where_the_reader_chose_so(opener: Opener) -> None:
    assert lightness(opener("/", color_scheme="light")) > 600
    assert lightness(opener("/", color_scheme="dark")) < 150
    page = opener("/", color_scheme="light")
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert lightness(page) < 150
    page.goto("/ui/trust")
    assert lightness(page) < 150
    draw_everything(page)
    page.get_by_role("button", name="Colours").click()
    assert lightness(page) > 600


def test_no_page_is_wider_than_a_phone(opener: Opener, page_paths: list[str]) -> None:
    page = opener("/", viewport=PHONE, has_touch=True, is_mobile=True)
    widths = {}
    for path in page_paths:
        page.goto(path)
        draw_everything(page)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
        expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    assert dict.fromkeys(page_paths, PHONE["width"]) == widths


def test_times_are_those_of_the_readers_zone(opener: Opener, studies: list[Study]) -> None:
    path = f"/ui/studies/{studies[0].id}"
    shown = [opener(path, timezone_id=zone, locale="en-GB").locator("time").first for zone in ("UTC", "Asia/Tokyo")]
    hours = [datetime.strptime(each.inner_text(), "%d %b %Y, %H:%M") for each in shown]  # noqa: DTZ007 (their difference counts)
    assert timedelta(hours=9) == hours[1] - hours[0]


def test_a_script_in_a_name_does_not_run(opener: Opener, place: Path) -> None:
    hostile = '</script><script>window.ran=1</script><img src=x onerror="window.ran=1">'
    with open_store(place) as store:
        store.save_study(make_study(id="hostile", model_fingerprint="hostile", workload=hostile, hardware_key=hostile))
        store.add_trials(
            make_trial(each, id=f"hostile {each}", study_id="hostile", model_fingerprint="hostile", reason=hostile,
                       hardware_key=hostile, losses=(1.0, 0.5))
            for each in ("32-true", "bf16-mixed")
        )  # fmt: skip
    page = opener("/ui/models")
    complaints = complaints_of(page)
    for path in ("/ui/models", "/ui/models/hostile", "/ui/studies/hostile", "/ui/live", "/ui/compare", "/ui/recommend"):
        page.goto(path)
        draw_everything(page)
        assert page.evaluate("window.ran === undefined"), path
    page.goto("/ui/studies/hostile")
    expect(page.get_by_role("heading", level=1)).to_have_text(hostile)
    assert [] == complaints


def test_a_reader_signs_in_with_a_token_and_out_again(browser: Browser, empty_place: Path) -> None:
    with running(empty_place, tokens=(TOKEN,)) as address:
        page = browser.new_context(base_url=address).new_page()
        page.goto("/ui/models?q=cnn")
        page.wait_for_url("**/ui/login?next=*")
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This token is not known here")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/ui/models?q=cnn")
        expect(page.locator("#live")).to_have_text("live")
        assert "" == page.evaluate("document.cookie")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/ui/login")
        page.goto("/")
        page.wait_for_url("**/ui/login?next=*")
        page.context.close()


def test_pages_can_be_read_without_scripts(browser: Browser, url: str, studies: list[Study]) -> None:
    context = browser.new_context(base_url=url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/ui/studies/{studies[0].id}")
    expect(page.locator("#candidates-table")).to_be_visible()
    expect(page.locator("[data-csv]")).to_be_hidden()
    expect(page.locator("time").first).to_contain_text("UTC")
    context.close()
