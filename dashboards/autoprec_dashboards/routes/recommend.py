"""Asking for a recommendation."""

from typing import Any, get_args

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from autoprec_dashboards.context import READS, Context, TenantStore, Text, chosen
from autoprec_dashboards.errors import PageError
from autoprec_dashboards.pages.recommend import advice_view
from autoprec_dashboards.sizes import bytes_of
from autoprec_probe.candidate import Candidate
from autoprec_probe.errors import ProbeError
from autoprec_probe.precision import BUILT_IN
from autoprec_runner.trial import Mode, Objective
from autoprec_service.advice.advise import advise
from autoprec_service.advice.question import Question
from autoprec_service.errors import UnknownHardwareError

_MODES, _OBJECTIVES = ("", *get_args(Mode)), get_args(Objective)
_CHOICES = 200


def recommend_routes(context: Context) -> APIRouter:
    """Return the route of recommendations."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/ui/recommend")
    def recommend(
        request: Request,
        store: TenantStore,
        *,
        model: Text = "",
        hardware: Text = "",
        mode: Text = "",
        objective: Text = "",
        max_memory: Text = "",
        current: Text = "",
        q: Text = "",
    ) -> Response:
        asked = {
            "model": model.strip(),
            "hardware": hardware,
            "mode": chosen("mode", mode, _MODES),
            "objective": chosen("objective", objective, _OBJECTIVES),
            "max_memory": max_memory,
            "current": chosen("current", current, ("", *BUILT_IN)),
        }
        view = None
        if asked["model"]:
            try:
                view = advice_view(advise(store, _question(asked), context.now(), adviser=context.adviser))
            except UnknownHardwareError as error:
                raise PageError("No such hardware", str(error)) from error
        models = store.models(search=q or None, limit=_CHOICES)
        return context.pages.page(
            request,
            "recommend.html",
            asked=asked,
            view=view,
            models=models,
            names={each.fingerprint: each.name.partition(": ")[0] for each in models},
            hardware=store.hardware(limit=_CHOICES),
            modes=_MODES,
            objectives=_OBJECTIVES,
            precisions=BUILT_IN,
        )

    return routes


def _question(asked: dict[str, str]) -> Question:
    """Return the question that the fields of the form ask.

    Raises:
        PageError: A field makes no sense; the message says what is allowed.
    """
    fields: dict[str, Any] = {
        "model_fingerprint": asked["model"],
        "hardware_key": asked["hardware"] or None,
        "mode": asked["mode"] or None,
        "objective": asked["objective"],
        "max_memory_bytes": bytes_of(asked["max_memory"]) if asked["max_memory"].strip() else None,
        "current": Candidate(precision=asked["current"]) if asked["current"] else None,
    }
    try:
        return Question(**fields)
    except (ValidationError, ProbeError) as error:
        told = (
            "; ".join(f"{each['loc'][0] if each['loc'] else 'question'}: {each['msg']}" for each in error.errors())
            if isinstance(error, ValidationError)
            else str(error)
        )
        raise PageError("This cannot be asked", told, status=400) from error
