from importlib.metadata import EntryPoint

import pytest
import torch

from autoprec_probe.candidate import Candidate
from autoprec_probe.precision import BITSANDBYTES, BUILT_IN, ENTRY_POINT_GROUP
from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import (
    BitsandbytesPrecision,
    DoublePrecision,
    HalfPrecision,
    MixedPrecision,
    Precision,
    TransformerEnginePrecision,
    resolve_precision,
)
from autoprec_runner.precision.registry import load_plugin_class, plugin_class

CLASSES = {
    "32-true": Precision,
    "64-true": DoublePrecision,
    "16-true": HalfPrecision,
    "bf16-true": HalfPrecision,
    "16-mixed": MixedPrecision,
    "bf16-mixed": MixedPrecision,
    "transformer-engine": TransformerEnginePrecision,
    "transformer-engine-float16": TransformerEnginePrecision,
    **dict.fromkeys(BITSANDBYTES, BitsandbytesPrecision),
}


def point(value: str) -> EntryPoint:
    return EntryPoint(name="custom", value=value, group=ENTRY_POINT_GROUP)


@pytest.mark.usefixtures("te")
@pytest.mark.parametrize("precision", BUILT_IN)
def test_every_built_in_string_has_its_plugin(precision: str) -> None:
    plugin = resolve_precision(precision)
    assert CLASSES[precision] is type(plugin)
    assert precision == plugin.precision


@pytest.mark.parametrize(
    ("alias", "precision"), [(32, "32-true"), ("32", "32-true"), (64, "64-true"), ("64", "64-true")]
)
def test_unambiguous_aliases_are_taken_silently(alias: str | int, precision: str) -> None:
    assert precision == resolve_precision(alias).precision


@pytest.mark.parametrize(("alias", "precision"), [(16, "16-mixed"), ("16", "16-mixed"), ("bf16", "bf16-mixed")])
def test_ambiguous_aliases_are_taken_with_a_warning(alias: str | int, precision: str) -> None:
    with pytest.warns(UserWarning, match=precision):
        assert precision == resolve_precision(alias).precision


def test_classes_are_shared_and_instances_are_not() -> None:
    assert plugin_class("16-mixed") is plugin_class("16-mixed")
    assert resolve_precision("16-mixed") is not resolve_precision("16-mixed")


def test_a_plugin_passes_through() -> None:
    plugin = HalfPrecision("bf16-true")
    assert resolve_precision(plugin) is plugin


def test_the_plugin_is_made_for_the_device() -> None:
    assert resolve_precision("bf16-mixed", device="cuda").device == "cuda"
    with pytest.raises(PrecisionError, match="made for device 'cuda'"):
        resolve_precision(MixedPrecision("bf16-mixed", "cuda"), device="cpu")


def test_an_unknown_precision_names_the_nearest() -> None:
    with pytest.raises(PrecisionError, match="Did you mean 'bf16-mixed'"):
        resolve_precision("bf16-mixd")


@pytest.mark.parametrize("strategy", ["ddp", "", "FSDP"])
def test_strategies_that_are_not_there_are_refused(strategy: str) -> None:
    with pytest.raises(PrecisionError, match="not available; allowed: single, fsdp, deepspeed"):
        resolve_precision("32-true", strategy=strategy)


@pytest.mark.parametrize("value", ["no_such_package.plugin:Plugin", "autoprec_runner.precision.base:NoSuchName"])
def test_a_third_party_plugin_that_cannot_be_imported_is_named(value: str) -> None:
    with pytest.raises(PrecisionError, match=value) as caught:
        load_plugin_class("custom", (point(value),))
    assert isinstance(caught.value.__cause__, ImportError | AttributeError)


def test_a_plugin_that_is_no_precision_is_refused() -> None:
    with pytest.raises(PrecisionError, match="not a subclass"):
        load_plugin_class("custom", (point("collections:OrderedDict"),))


def test_a_string_that_two_packages_provide_is_refused() -> None:
    points = (point("autoprec_runner.precision:HalfPrecision"), point("autoprec_runner.precision:DoublePrecision"))
    with pytest.raises(PrecisionError, match="more than once"):
        load_plugin_class("custom", points)


def test_the_same_plugin_seen_twice_is_no_conflict() -> None:
    twice = (point("autoprec_runner.precision:HalfPrecision"),) * 2
    assert load_plugin_class("custom", twice) is HalfPrecision


def test_a_string_without_a_provider_is_refused() -> None:
    with pytest.raises(PrecisionError, match="No installed package"):
        load_plugin_class("custom", ())


def test_a_plugin_answers_for_its_own_support() -> None:
    profile = HardwareProfile(system="Linux", cpu=Cpu(architecture="x86_64"), software=Software(python="3.12"))
    assert Precision.supports(Candidate(precision="32-true"), profile).can_run
    assert torch.float32 == torch.get_default_dtype()
