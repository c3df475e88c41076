"""Studies and trials as JSON Lines, to be carried from one store to another."""

from autoprec_service.exchange.exporting import TrialFilters, export_jsonl
from autoprec_service.exchange.importing import import_jsonl
from autoprec_service.exchange.report import ImportReport, RefusedLine

__all__ = ["ImportReport", "RefusedLine", "TrialFilters", "export_jsonl", "import_jsonl"]
