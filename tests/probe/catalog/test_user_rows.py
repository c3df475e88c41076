"""Rows of the user's own, and files that do not fit."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autoprec_probe import Accelerator, Candidate, Cpu, HardwareProfile, Software, support
from autoprec_probe.catalog import accelerator_by_key, accelerator_by_name, accelerators, architecture, profile_from_key
from autoprec_probe.errors import CatalogError

ROW = """
[[accelerator]]
key = "nvidia-l40"
vendor = "NVIDIA"
architecture = "ada"
names = ["NVIDIA L40"]
compute_capability = [8, 9]
memory_marketed_gib = 48
matrix_tflops = { bfloat16 = 181 }
sources = ["https://www.nvidia.com/l40"]
"""

OWN_H100 = """
[sources]
ours = "measured in our own racks"

[[accelerator]]
key = "nvidia-h100-80gb-hbm3"
vendor = "NVIDIA"
architecture = "hopper"
names = ["NVIDIA H100 80GB HBM3"]
compute_capability = [9, 0]
memory_bandwidth_gbytes_per_second = 3000
matrix_tflops = { bfloat16 = 700 }
sources = ["ours"]
"""

RUBIN = """
[[architecture]]
name = "rubin"
vendor = "NVIDIA"
device = "cuda"
compute_capabilities = [[13, 0]]
matrix = ["bfloat16"]
vector = ["float32", "float64"]
remarks.float16 = { text = "leaves fp16 to the past" }
status = "partly"
sources = ["https://example.org/rubin"]
"""

Write = Callable[..., list[str]]


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write each text into a file and name the files in the variable."""

    def write(*texts: str) -> list[str]:
        paths = [tmp_path / f"{number}.toml" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")
        names = [str(path) for path in paths]
        monkeypatch.setenv("AUTOPREC_CATALOG", os.pathsep.join(names))
        return names

    return write


def test_a_users_row_is_found_like_any_other_and_says_where_it_is_from(catalog: Write) -> None:
    (path,) = catalog(ROW)
    row = accelerator_by_key("nvidia-l40")
    assert (path, 181.0, True) == (row.origin, row.peak_tflops("bfloat16"), row in accelerators())
    assert "nvidia-l40" == profile_from_key("nvidia-l40").key
    assert "autoprec" == accelerator_by_key("nvidia-l40s").origin


def test_a_users_row_takes_the_place_of_autoprecs(catalog: Write) -> None:
    (path,) = catalog(OWN_H100)
    row = accelerator_by_name("NVIDIA H100 80GB HBM3")
    assert row is not None
    assert (path, 3000.0, {"ours": "measured in our own racks"}) == (
        row.origin,
        row.memory_bandwidth_gbytes_per_second,
        row.references,
    )
    assert 1 == sum(each.key == row.key for each in accelerators())


def test_of_several_files_the_first_wins(catalog: Write) -> None:
    first, _ = catalog(OWN_H100, OWN_H100.replace("700", "800"))
    row = accelerator_by_key("nvidia-h100-80gb-hbm3")
    assert (first, 700.0) == (row.origin, row.peak_tflops("bfloat16"))


def test_without_the_variable_the_users_rows_are_gone(catalog: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog(ROW)
    assert accelerator_by_name("NVIDIA L40") is not None
    monkeypatch.delenv("AUTOPREC_CATALOG")
    assert accelerator_by_name("NVIDIA L40") is None


def test_a_users_architecture_decides_and_is_named_as_the_source(catalog: Write) -> None:
    (path,) = catalog(RUBIN)
    card = Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="A card", compute_capability=(13, 0))
    software = Software(python="3.11.0")
    profile = HardwareProfile(system="Linux", cpu=Cpu(architecture="x86_64"), accelerators=(card,), software=software)
    bf16 = support(Candidate(precision="bf16-mixed"), profile)
    fp16 = support(Candidate(precision="16-mixed"), profile)
    assert ("native", "emulated") == (bf16.level, fp16.level)
    assert f"https://example.org/rubin (by {path})" == bf16.source
    assert "A card (compute capability 13.0) leaves fp16 to the past." == fp16.reason
    assert architecture("rubin") is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("accelerator = [", r"0\.toml is no TOML", id="no TOML"),
        pytest.param(
            ROW.replace("memory_marketed_gib", "memory_gib"),
            r"accelerator 'nvidia-l40', field memory_gib: there is no such field\. .*Allowed: key, vendor",
            id="an unknown field",
        ),
        pytest.param(
            ROW.replace("bfloat16 = 181", "bf16 = 181"),
            r"accelerator 'nvidia-l40', field matrix_tflops\.bf16: Input should be 'float64', .*given: 'bf16'",
            id="an unknown number format",
        ),
        pytest.param(
            ROW.replace("= 181", "= -181"),
            r"'nvidia-l40', field matrix_tflops\.bfloat16: Input should be greater than 0 \(given: -181\)",
            id="a negative rate",
        ),
        pytest.param(
            ROW.replace('"NVIDIA"', '"Nvidia"'),
            r"field vendor: Input should be 'NVIDIA', 'AMD', .*\(given: 'Nvidia'\)",
            id="an unknown vendor",
        ),
        pytest.param(
            ROW.replace('architecture = "ada"', 'architecture = "adda"'),
            r"accelerator 'nvidia-l40', field architecture: there is no 'adda'\. Known: .*ada.* add a row",
            id="an unknown architecture",
        ),
        pytest.param(
            ROW.replace('key = "nvidia-l40"', 'key = "l40"'),
            r"accelerator 'l40': key='l40', but the probe calls .* 'nvidia-l40'; write that",
            id="a key that the probe would not give",
        ),
        pytest.param(
            ROW.replace("compute_capability = [8, 9]\n", ""), "compute_capability is missing", id="no capability"
        ),
        pytest.param(
            ROW.replace("https://www.nvidia.com/l40", "the web"),
            r"nvidia-l40: source 'the web' is neither a key of \[sources\] nor an address",
            id="a source that is none",
        ),
        pytest.param(
            ROW.replace('sources = ["https://www.nvidia.com/l40"]', ""),
            r"accelerator 'nvidia-l40', field sources: Field required",
            id="no source",
        ),
        pytest.param(
            ROW + 'unverified = ["float16"]', "unverified names float16, which this row does not have", id="unverified"
        ),
        pytest.param(
            ROW + ROW, r"0\.toml: the name 'nvidia l40' stands twice \(nvidia-l40, nvidia-l40\)", id="a row twice"
        ),
        pytest.param(
            "[[accelerator]]\nvendor = 1", r"accelerator number 1, field key: Field required", id="a nameless row"
        ),
        pytest.param(
            "[[accelerators]]", r"field accelerators: .*Did you mean accelerator\? Allowed: sources", id="a wrong table"
        ),
        pytest.param(
            RUBIN.replace("text", "txt"),
            r"architecture 'rubin', field remarks\.float16\.txt: there is no such field\. .*Allowed: text, source",
            id="a wrong remark",
        ),
        pytest.param(
            RUBIN + 'refused = ["bfloat16"]', "bfloat16 cannot be refused and computed", id="refused and computed"
        ),
    ],
)
def test_a_file_that_does_not_fit_names_row_field_and_way_out(catalog: Write, text: str, message: str) -> None:
    (path,) = catalog(text)
    with pytest.raises(CatalogError, match=message) as caught:
        accelerators()
    assert path in str(caught.value)


def test_a_file_that_is_not_there_is_an_error_that_names_the_variable(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTOPREC_CATALOG", str(tmp_path / "none.toml"))
    with pytest.raises(CatalogError, match=r"AUTOPREC_CATALOG names .*none\.toml, which cannot be read: .*unset"):
        accelerators()
