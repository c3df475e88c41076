"""What `suggest()` returns: the recommendation with its evidence, its faces and its exports."""

from typing import TYPE_CHECKING, Any

import autoprec_service.recommendation as policy
from autoprec import exports
from autoprec.exports import ExportError
from autoprec_probe.candidate import Candidate, Device
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.prediction.prediction import Prediction
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from autoprec.report import Report


class Recommendation(policy.Recommendation):
    """A precision string that brings its proof. Falsy if nothing qualified; `reasons` then say why."""

    study: Study | None = None
    trials: tuple[Trial, ...] = ()
    """Every trial of the study, in the order in which they were finished."""
    predictions: tuple[Prediction, ...] = ()
    """What was predicted of every candidate, where the answer does not rest on trials."""
    assumptions: tuple[str, ...] = ()
    """What was inferred of the workload because it was not given."""
    interrupted: bool = False
    """Whether the study was ended before its time, so that this is the best answer so far."""
    remembered: bool = False
    """Whether the answer came from the store without measuring anything now."""
    service: str | None = None
    """The service that had the answer; None where it was found or measured here."""
    device: Device = "cpu"

    def __str__(self) -> str:
        """Return the precision string, or `none`."""
        return self.precision or "none"

    def __repr__(self) -> str:
        """Return the answer in short; the whole evidence would fill the screen."""
        return f"<Recommendation {self.candidate or 'none'}: {', '.join(self.circumstances)}>"

    def __bool__(self) -> bool:
        """Whether there is a precision to use."""
        return self.precision is not None

    @property
    def circumstances(self) -> tuple[str, ...]:
        """How the answer came about, in a few words each."""
        found = []
        if self.basis is not None:
            found += [self.basis, f"confidence {self.confidence:.2f}"]
        if self.hardware_key is not None:
            found.append(f"on {self.hardware_key}")
        if self.remembered:
            found.append(f"from trials that {self.service} had" if self.service else "from earlier trials")
        if self.interrupted:
            found.append("interrupted: best so far")
        return tuple(found)

    @property
    def untried(self) -> tuple[Candidate, ...]:
        """The candidates that an interrupted study did not come to."""
        tried = {trial.candidate for trial in self.trials}
        return tuple(each for each in self.study.candidates if each not in tried) if self.study else ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the doctor said of the study: before its first trial, then from its trials."""
        return self.study.findings if self.study else ()

    def table(self) -> "Report":
        """Return the answer, its reasons and all candidates, to be printed with `print` or rich."""
        from autoprec.report import Report  # noqa: PLC0415 (rich is loaded when something is shown)

        return Report(self)

    def plot(self) -> "Figure":
        """Return step time against memory of every measured candidate, as a plotly figure.

        Raises:
            ImportError: plotly is not installed.
        """
        from autoprec.plot import plot  # noqa: PLC0415 (plotly is optional)

        return plot(self)

    def __rich__(self) -> "Report":
        """Return what rich shows of it."""
        return self.table()

    def _repr_html_(self) -> str:
        from autoprec.html import page  # noqa: PLC0415 (only notebooks ask for it)

        return page(self)

    def fabric(self) -> dict[str, Any]:
        """Return the arguments of `lightning.fabric.Fabric`.

        Like every export, it raises `ExportError` where the framework cannot express what was measured.
        """
        return exports.fabric(self._chosen(), self.device)

    def trainer(self) -> dict[str, Any]:
        """Return the arguments of `lightning.Trainer`."""
        return exports.trainer(self._chosen(), self.device)

    def accelerate(self) -> dict[str, Any]:
        """Return the arguments of `accelerate.Accelerator`."""
        return exports.accelerate(self._chosen(), self.device)

    def transformers(self) -> dict[str, Any]:
        """Return the arguments of `transformers.TrainingArguments`."""
        return exports.transformers(self._chosen(), self.device, self.mode or "train")

    def deepspeed(self) -> dict[str, Any]:
        """Return the precision sections of a DeepSpeed config."""
        return exports.deepspeed(self._chosen())

    def fsdp(self) -> dict[str, Any]:
        """Return the arguments of `torch.distributed.fsdp.MixedPrecisionPolicy`."""
        return exports.fsdp(self._chosen())

    def torch(self) -> dict[str, Any]:
        """Return what plain PyTorch needs: autocast and gradient scaler arguments, weight dtype, matmul precision."""
        return exports.torch(self._chosen(), self.device, self.mode or "train")

    def _chosen(self) -> Candidate:
        if self.candidate is None:
            raise ExportError("There is no recommendation to export: " + " ".join(self.reasons))
        return self.candidate
