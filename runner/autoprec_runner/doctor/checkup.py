"""A check-up of a workload without any trial: it is loaded in a child process, described, and let go."""

from dataclasses import dataclass, replace

import psutil

from autoprec_probe.candidate import Candidate
from autoprec_runner.doctor.before import findings_before
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.errors import WorkloadError
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.quantities import duration
from autoprec_runner.search.bench import MEMORY_SHARE
from autoprec_runner.search.conduct import candidates_of, setting_of, temporary_folder
from autoprec_runner.search.question import Question
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.trials.session import TrialSession


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """What the doctor says of a workload before any trial."""

    prepared: Prepared
    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...]


def check_up(question: Question) -> Checkup:
    """Return the static findings for a question; its budget is what loading the workload may take.

    The workload is loaded on the CPU, in fp32, whatever the profile: the machine asked about need not be this one.

    Raises:
        WorkloadError: The user's model, batch, loss or factory does not make a step, or its process died.
        TrialError: Child processes cannot be had here.
    """
    prepared = _prepared(replace(question, device="cpu", devices=1))
    candidates = candidates_of(question)
    findings = findings_before(question, prepared, candidates)
    return Checkup(prepared=prepared, candidates=candidates, findings=findings)


def _prepared(question: Question) -> Prepared:
    server, seconds = shared_forkserver(), question.budget_seconds
    limit = int(MEMORY_SHARE * psutil.virtual_memory().available)
    with temporary_folder(server) as folder:
        setting = setting_of(question, folder)
        with TrialSession(server, setting, Candidate(precision="32-true"), memory_limit_bytes=limit) as session:
            try:
                return session.prepare(timeout_seconds=seconds)
            except TrialFailedError as failure:
                raise WorkloadError(_told(failure, seconds)) from failure


def _told(failure: TrialFailedError, seconds: float) -> str:
    if failure.kind == "workload":
        return str(failure)
    if failure.status == "timeout":
        return f"Loading the workload did not end within {duration(seconds)}."
    return f"Loading the workload failed: {failure}"
