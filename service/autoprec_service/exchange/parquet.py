"""Studies and trials as Parquet: the figures that are asked for most as columns, and the whole record beside them."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Unpack

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.errors import ExchangeError
from autoprec_service.exchange.exporting import TrialFilters, records
from autoprec_service.exchange.importing import Intake
from autoprec_service.exchange.lines import FORMAT
from autoprec_service.exchange.report import ImportReport
from autoprec_service.store.contract import Store
from autoprec_service.store.documents import document_of

_ROWS = 5000
_VERSION = b"autoprec_format"


def export_parquet(store: Store, file: Path, **filters: Unpack[TrialFilters]) -> int:
    """Write what `export_jsonl` would, a row for each record, and return the number of rows.

    Raises:
        ExchangeError: The file cannot be written, or pyarrow is not installed.
        StoreError: The store cannot be read.
    """
    pyarrow, parquet = _library()
    schema = _schema(pyarrow)
    part = file.with_name(f"{file.name}.part")
    rows = 0
    try:
        with parquet.ParquetWriter(part, schema) as writer:
            found = map(_row, records(store, filters))
            while page := list(islice(found, _ROWS)):
                writer.write_table(pyarrow.Table.from_pylist(page, schema=schema))
                rows += len(page)
        part.replace(file)
    except OSError as error:
        raise ExchangeError(f"The file {file} cannot be written: {error}. Give another path.") from error
    finally:
        if part.is_file():
            part.unlink()
    return rows


def import_parquet(store: Store, file: Path) -> ImportReport:
    """Add the records of a file that `export_parquet` wrote, as `import_jsonl` does; a line is a row here.

    Raises:
        ExchangeError: The file cannot be read or is no such file, or pyarrow is not installed.
        StoreError: The store cannot be read or written.
    """
    intake = Intake(store=store)
    for number, line in enumerate(_lines(file), start=1):
        intake.take(number, line)
    intake.add_trials()
    return intake.report()


def _lines(file: Path) -> Iterator[str]:
    """Yield each row as the line that JSON Lines would have."""
    pyarrow, parquet = _library()
    try:
        with parquet.ParquetFile(file) as opened:
            version = (opened.schema_arrow.metadata or {}).get(_VERSION)
            if version is None or not {"kind", "document"} <= set(opened.schema_arrow.names):
                raise ExchangeError(f"The file {file} was not written by autoprec export: it has no records in it.")
            for batch in opened.iter_batches(_ROWS, columns=["kind", "document"]):
                yield from (_line(int(version), row) for row in batch.to_pylist())
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise ExchangeError(f"The file {file} cannot be read: {error}. Give a file of autoprec export.") from error


def _line(version: int, row: dict[str, str]) -> str:
    head = json.dumps({"format": version, "kind": row["kind"]})
    return f'{head[:-1]}, "record": {row["document"]}}}'


def _row(record: Study | Trial) -> dict[str, Any]:
    same = ("id", "model_fingerprint", "workload_key", "hardware_key", "mode", "status", "started_at")
    row = {name: getattr(record, name) for name in same} | {"document": document_of(record)}
    if isinstance(record, Study):
        return row | {"kind": "study"}
    time = record.step_time
    return row | {
        "kind": "trial",
        "study_id": record.study_id,
        "candidate": str(record.candidate),
        "precision": record.candidate.precision,
        "phase": record.phase,
        "step_seconds": time.median_seconds if time else None,
        "samples_per_second": record.samples_per_second,
        "peak_memory_bytes": record.peak_memory_bytes,
        "stability": record.stability.verdict if record.stability else None,
    }


def _schema(pyarrow: Any) -> Any:
    text = ("kind", "id", "study_id", "model_fingerprint", "workload_key", "hardware_key", "mode", "candidate")
    more = ("precision", "phase", "status", "stability")
    numbers = ("step_seconds", "samples_per_second", "peak_memory_bytes")
    fields = [pyarrow.field(name, pyarrow.string()) for name in (*text, *more)]
    fields += [pyarrow.field(name, pyarrow.float64()) for name in numbers]
    fields += [pyarrow.field("started_at", pyarrow.timestamp("us", "UTC")), pyarrow.field("document", pyarrow.string())]
    return pyarrow.schema(fields, metadata={_VERSION: str(FORMAT).encode()})


def _library() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow as pa  # noqa: PLC0415 (an extra, and slow to import)
        from pyarrow import parquet  # noqa: PLC0415 (as above)
    except ImportError as error:
        raise ExchangeError(
            "Parquet is read and written by pyarrow, which is not installed here: pip install 'autoprec[parquet]', "
            "or use JSON Lines.",
        ) from error
    return pa, parquet
