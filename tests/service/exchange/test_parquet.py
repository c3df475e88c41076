import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoprec_service.errors import ExchangeError
from autoprec_service.exchange import ImportReport, export_parquet, import_parquet
from autoprec_service.store import Store, open_store
from autoprec_service.testing import make_study, make_trial


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "here.db") as opened:
        opened.save_study(make_study())
        opened.save_study(make_study(id="idle"))
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "there.db") as opened:
        yield opened


def test_everything_comes_back(store: Store, other: Store, tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    store.add_trials(make_trial(id=str(number), losses=[math.nan, math.inf, 0.1]) for number in range(3))
    assert 5 == export_parquet(store, file)
    assert ImportReport(new=5) == import_parquet(other, file)
    assert ImportReport(known=5) == import_parquet(other, file)
    assert repr(store.trials()) == repr(other.trials())
    assert store.studies() == other.studies()
    assert store.outcomes() == other.outcomes()


def test_figures_are_columns(store: Store, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    store.add_trials([make_trial("bf16-mixed", seconds=0.5)])
    export_parquet(store, tmp_path / "some.parquet", precision="bf16-mixed")
    study, trial = parquet.read_table(tmp_path / "some.parquet").to_pylist()
    assert ("study", "study-a", None) == (study["kind"], study["id"], study["step_seconds"])
    assert ("bf16-mixed", 0.5, "stable") == (trial["precision"], trial["step_seconds"], trial["stability"])


@pytest.mark.parametrize("content", [b"", b"PAR1 no file of this kind PAR1", b'{"kind": "trial"}\n'])
def test_another_file_is_refused(other: Store, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.parquet"
    file.write_bytes(content)
    with pytest.raises(ExchangeError, match="cannot be read"):
        import_parquet(other, file)


def test_a_table_of_something_else_is_refused(other: Store, tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"song": ["a"]}), tmp_path / "songs.parquet")
    with pytest.raises(ExchangeError, match="not written by autoprec export"):
        import_parquet(other, tmp_path / "songs.parquet")


def test_a_missing_library_is_told(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExchangeError, match=r"pip install 'autoprec\[parquet\]'"):
        export_parquet(store, tmp_path / "all.parquet")
    assert not (tmp_path / "all.parquet").exists()
