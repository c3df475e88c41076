"""Studies and trials in files, to be carried from one store to another: ours, and what peers measured."""

from autoprec_service.exchange.deepspeed import import_deepspeed
from autoprec_service.exchange.exporting import TrialFilters, export_jsonl
from autoprec_service.exchange.importing import import_jsonl
from autoprec_service.exchange.optimum import import_optimum
from autoprec_service.exchange.parquet import export_parquet, import_parquet
from autoprec_service.exchange.report import ImportReport, RefusedLine

__all__ = [
    "ImportReport",
    "RefusedLine",
    "TrialFilters",
    "export_jsonl",
    "export_parquet",
    "import_deepspeed",
    "import_jsonl",
    "import_optimum",
    "import_parquet",
]
