"""An answer in a notebook: as HTML and as a figure."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from autoprec.recommendation import Recommendation
from autoprec_service.testing.factories import make_trial


class Reader(HTMLParser):
    """Notes what is open at the end, and every text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, _attributes: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_is_well_formed_and_complete(answer: Recommendation) -> None:
    page = Reader(answer._repr_html_())
    assert [] == page.open
    assert {"bf16-mixed", "chosen", "alternative", "unstable", *answer.reasons, *answer.assumptions} <= {*page.texts}


def test_html_escapes_what_comes_from_outside(answer: Recommendation) -> None:
    page = answer._repr_html_()
    assert "No &lt;fp16&gt; &amp; [red]nothing[/] here." in page
    assert "<fp16>" not in page
    assert "<mean>" not in page


def test_html_sets_no_colour_so_that_light_and_dark_pages_show_it(answer: Recommendation) -> None:
    assert "color" not in answer._repr_html_()


def test_html_of_no_answer_says_why(answer_of: Callable[..., Recommendation]) -> None:
    assert {"No precision can be recommended.", *answer_of().reasons} <= {*Reader(answer_of()._repr_html_()).texts}


def test_the_figure_holds_every_measured_candidate(answer: Recommendation) -> None:
    pytest.importorskip("plotly")
    data = {trace["text"][0]: trace for trace in answer.plot().to_plotly_json()["data"]}
    assert ["32-true", "64-true", "bf16-mixed", "bf16-true"] == sorted(data)
    chosen, alternative, rejected = (data[name] for name in ("bf16-mixed", "32-true", "bf16-true"))
    assert ([512.0], [5.0], "star") == (chosen["x"], chosen["y"], chosen["marker"]["symbol"])
    assert ("circle", "circle") == (alternative["marker"]["symbol"], rejected["marker"]["symbol"])
    assert 3 == len({each["marker"]["color"] for each in (chosen, alternative, rejected)})
    assert "bf16-true (unstable)" == rejected["name"]


def test_a_slow_candidate_does_not_squeeze_the_others(answer_of: Callable[..., Recommendation]) -> None:
    pytest.importorskip("plotly")
    near = answer_of(make_trial(), make_trial("bf16-mixed", seconds=0.5))
    far = answer_of(make_trial(), make_trial("bf16-mixed", seconds=50.0))
    assert (None, "log") == (near.plot().layout.yaxis.type, far.plot().layout.yaxis.type)


def test_a_figure_of_nothing_can_be_drawn(answer_of: Callable[..., Recommendation]) -> None:
    pytest.importorskip("plotly")
    assert "No recommendation on this machine" == answer_of().plot().layout.title.text


def test_without_plotly_the_figure_says_how_to_get_it(answer: Recommendation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    with pytest.raises(ImportError, match=r"pip install 'autoprec\[notebook\]'"):
        answer.plot()
