"""Which instruction set torch's libraries pick on a processor."""

import pytest

from autoprec_probe import Cpu
from autoprec_probe.isa import aten_isa, onednn_isa, usable_features

AVX2 = ("avx", "avx2", "fma")
AVX512 = (*AVX2, "avx512f", "avx512bw", "avx512dq", "avx512vl")
ZEN4 = (*AVX512, "avx512_vnni", "avx512_bf16")
SAPPHIRE_RAPIDS = (*ZEN4, "avx_vnni", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16")


def cpu(*features: str, architecture: str = "x86_64") -> Cpu:
    return Cpu(architecture=architecture, features=features)


@pytest.mark.parametrize(
    ("features", "aten", "onednn"),
    [
        (("sse2",), "default", "SSE41"),
        (("avx",), "default", "AVX"),
        (AVX2, "avx2", "AVX2"),
        ((*AVX2, "avx_vnni"), "avx2", "AVX2_VNNI"),
        ((*AVX2, "avx_vnni", "avx_vnni_int8", "avx_ne_convert"), "avx2", "AVX2_VNNI_2"),
        (AVX512, "avx512", "AVX512_CORE"),
        ((*AVX512, "avx512_vnni"), "avx512", "AVX512_CORE_VNNI"),
        (ZEN4, "avx512", "AVX512_CORE_BF16"),
        ((*ZEN4, "avx_vnni"), "avx512", "AVX512_CORE_BF16"),
        (SAPPHIRE_RAPIDS, "avx512", "AVX512_CORE_AMX"),
        ((*SAPPHIRE_RAPIDS, "amx_fp16"), "avx512", "AVX512_CORE_AMX_FP16"),
    ],
)
def test_the_best_that_a_processor_has_is_picked(features: tuple[str, ...], aten: str, onednn: str) -> None:
    assert (aten, onednn) == (aten_isa(cpu(*features), {}), onednn_isa(cpu(*features), {}))


@pytest.mark.parametrize(
    ("settings", "onednn"),
    [
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "AVX512_CORE"),
        ({"ONEDNN_MAX_CPU_ISA": "avx2"}, "AVX2"),
        ({"DNNL_MAX_CPU_ISA": "AVX512_CORE_BF16"}, "AVX512_CORE_BF16"),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2_VNNI_2"}, "AVX2_VNNI"),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX_FP16"}, "AVX512_CORE_AMX"),
        ({"ONEDNN_MAX_CPU_ISA": "DEFAULT"}, "AVX512_CORE_AMX"),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "SSE41"}, "AVX2"),
    ],
)
def test_a_variable_limits_onednn_to_what_its_instruction_set_has(settings: dict[str, str], onednn: str) -> None:
    assert onednn == onednn_isa(cpu(*SAPPHIRE_RAPIDS), settings)


def test_a_limit_takes_units_away_that_the_processor_has() -> None:
    settings = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}
    assert frozenset(AVX512) | {"avx512_vnni"} == usable_features(cpu(*SAPPHIRE_RAPIDS), settings)


@pytest.mark.parametrize(("asked", "aten"), [("avx2", "avx2"), ("default", "default"), ("nonsense", "avx512")])
def test_a_variable_overrides_torchs_own_choice_if_torch_knows_it(asked: str, aten: str) -> None:
    assert aten == aten_isa(cpu(*ZEN4), {"ATEN_CPU_CAPABILITY": asked})


@pytest.mark.parametrize("processor", [cpu("bf16", "sve", architecture="aarch64"), cpu()])
def test_where_features_do_not_decide_or_are_not_told_nothing_is(processor: Cpu) -> None:
    assert (None, None) == (aten_isa(processor, {}), onednn_isa(processor, {}))
