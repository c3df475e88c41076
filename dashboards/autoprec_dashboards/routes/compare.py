"""Two hardware types, two software versions or two models side by side."""

from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.context import READS, Context, TenantStore, Text, chosen
from autoprec_dashboards.pages.compare import KINDS, Comparison, Kind, compare, versions_of
from autoprec_dashboards.reading import latest_outcomes
from autoprec_service.outcome import Outcome
from autoprec_service.store import Store
from autoprec_service.summaries import HardwareSummary, ModelSummary

_CHOICES = 200
_PACKAGE = "torch"


def compare_routes(context: Context) -> APIRouter:
    """Return the route of comparisons."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/ui/compare")
    def comparison(
        request: Request, store: TenantStore, *, by: Text = "", on: Text = "", a: Text = "", b: Text = ""
    ) -> Response:
        kind = cast("Kind", chosen("by", by, KINDS))
        models, hardware = store.models(limit=_CHOICES), store.hardware(limit=_CHOICES)
        choices = _choices(store, kind, on, models, hardware)
        values = [value for value, _ in choices]
        left = a or (values[0] if values else "")
        right = b or next((each for each in values if each != left), "")
        unlisted = [(each, each) for each in dict.fromkeys((left, right)) if each and each not in values]
        found = _found(store, kind, models, on=on, left=left, right=right) if left and right else None
        return context.pages.page(
            request,
            "compare.html",
            kind=kind,
            kinds=KINDS,
            on=on,
            left=left,
            right=right,
            choices=[*unlisted, *choices],
            hardware=hardware,
            view=found,
            package=_PACKAGE,
        )

    return routes


def _choices(
    store: Store, kind: Kind, on: str, models: list[ModelSummary], hardware: list[HardwareSummary]
) -> list[tuple[str, str]]:
    """Return what can be compared: the value in the address, and how it is called."""
    if kind == "hardware":
        return [(each.key, each.key) for each in hardware if each.trials]
    if kind == "models":
        return [
            (each.fingerprint, f"{each.name.partition(': ')[0]} · {each.fingerprint[:8]}")
            for each in models
            if each.trials
        ]
    versions = versions_of(latest_outcomes(store, hardware_key=on or None), _PACKAGE)
    return [(each, f"{_PACKAGE} {each}") for each in reversed(versions)]


def _found(store: Store, kind: Kind, models: list[ModelSummary], *, on: str, left: str, right: str) -> Comparison:
    names = {each.fingerprint: each.name.partition(": ")[0] for each in models}
    if kind == "models":
        sides = (latest_outcomes(store, model_fingerprint=left), latest_outcomes(store, model_fingerprint=right))
        return compare(*sides, lambda each: f"{each.hardware_key}, {each.mode}", _model_path)
    if kind == "hardware":
        sides = (latest_outcomes(store, hardware_key=left), latest_outcomes(store, hardware_key=right))
        return compare(*sides, _model, _model_path, lambda key: _named(key, names))
    outcomes = latest_outcomes(store, hardware_key=on or None)
    sides = (_under(outcomes, left), _under(outcomes, right))
    return compare(
        *sides, lambda each: f"{_model(each)}, {each.hardware_key}", _model_path, lambda key: _named(key, names)
    )


def _under(outcomes: list[Outcome], version: str) -> list[Outcome]:
    return [each for each in outcomes if each.software.get(_PACKAGE) == version]


def _model(outcome: Outcome) -> str:
    return f"{outcome.model_fingerprint}, {outcome.mode}"


def _named(key: str, names: dict[str, str]) -> str:
    fingerprint, _, rest = key.partition(", ")
    return f"{names.get(fingerprint, fingerprint[:12])}, {rest}"


def _model_path(outcome: Outcome) -> str:
    return f"/ui/models/{outcome.model_fingerprint}"
