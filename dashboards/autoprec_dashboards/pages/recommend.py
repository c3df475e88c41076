"""An answer with its evidence, and what to write in each framework."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autoprec_dashboards.pages.status import Badge, badge
from autoprec_dashboards.rounding import Told, told_ratio
from autoprec_runner.quantities import percent
from autoprec_service.advice.answer import Advice
from autoprec_service.frameworks import FrameworkArguments

_TITLES = {
    "fabric": "Lightning Fabric",
    "trainer": "Lightning Trainer",
    "accelerate": "Accelerate",
    "transformers": "Transformers",
    "deepspeed": "DeepSpeed",
    "fsdp": "FSDP",
    "torch": "plain PyTorch",
}
_CALLS = {
    "fabric": "Fabric",
    "trainer": "Trainer",
    "accelerate": "Accelerator",
    "transformers": "TrainingArguments",
    "fsdp": "MixedPrecisionPolicy",
}


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """What to write in one framework."""

    id: str
    title: str
    code: str | None
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class OptionRow:
    """Another candidate, and why it is not the answer."""

    name: str
    badge: Badge
    speedup: Told | None
    memory_ratio: str | None
    note: str
    trial_id: str | None


@dataclass(frozen=True, kw_only=True)
class PlaceRow:
    """The best on one kind of hardware."""

    hardware_key: str
    precision: str | None
    basis: Badge
    confidence: float
    speedup: Told | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class AdviceView:
    """What is shown of an answer."""

    advice: Advice
    basis: Badge
    speedup: Told | None
    gain: Told | None
    snippets: tuple[Snippet, ...]
    options: tuple[OptionRow, ...]
    places: tuple[PlaceRow, ...]


def advice_view(advice: Advice) -> AdviceView:
    """Return what is shown of an answer."""
    return AdviceView(
        advice=advice,
        basis=badge(advice.basis or "none"),
        speedup=told_ratio(advice.speedup) if advice.speedup else None,
        gain=told_ratio(advice.gain_over_current) if advice.gain_over_current else None,
        snippets=tuple(_snippets(advice.frameworks, str(advice.candidate))),
        options=tuple(_options(advice)),
        places=tuple(_places(advice)),
    )


def _snippets(frameworks: Mapping[str, FrameworkArguments], candidate: str) -> Iterable[Snippet]:
    for name, told in frameworks.items():
        code = None if told.arguments is None else _code(name, told.arguments, candidate)
        yield Snippet(id=name, title=_TITLES.get(name, name), code=code, refusal=told.refusal)


def _code(name: str, arguments: Mapping[str, Any], candidate: str) -> str:
    """Return arguments as they are written: a call where there is one constructor, else a config."""
    call = _CALLS.get(name)
    if call is None:
        return json.dumps(arguments, indent=2) if arguments else f"{{}}  # {candidate} is the default"
    if not arguments:
        return f"{call}()  # {candidate} is the default"
    return f"{call}({', '.join(f'{key}={_value(value)}' for key, value in arguments.items())})"


def _value(value: Any) -> str:
    """Return a value as Python writes it; a dtype, which JSON names without a prefix, as torch's."""
    return f"torch.{value}" if value in {"float16", "bfloat16", "float32", "float64"} else repr(value)


def _options(advice: Advice) -> Iterable[OptionRow]:
    for each in advice.alternatives:
        yield OptionRow(
            name=str(each.candidate),
            badge=badge("alternative"),
            speedup=told_ratio(each.speedup) if each.speedup else None,
            memory_ratio=None if each.memory_ratio is None else percent(each.memory_ratio),
            note=each.note,
            trial_id=each.trial_id,
        )
    for refused in advice.rejected:
        yield OptionRow(
            name=str(refused.candidate),
            badge=badge(refused.status),
            speedup=None,
            memory_ratio=None,
            note=" ".join(filter(None, (refused.reason.splitlines()[0] if refused.reason else "", refused.remedy))),
            trial_id=refused.trial_id,
        )


def _places(advice: Advice) -> Iterable[PlaceRow]:
    for each in advice.fleet.by_hardware if advice.fleet else ():
        yield PlaceRow(
            hardware_key=each.hardware_key,
            precision=each.precision,
            basis=badge(each.basis or "none"),
            confidence=each.confidence,
            speedup=told_ratio(each.speedup) if each.speedup else None,
            reason=each.reason,
        )
