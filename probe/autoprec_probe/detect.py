"""One look at a machine: its processor, its accelerators and its software."""

from autoprec_probe.accelerators import detect_accelerators
from autoprec_probe.cpu import detect_cpu
from autoprec_probe.isa import aten_isa, onednn_isa
from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_probe.reader import HostReader, Reader
from autoprec_probe.software import detect_software


def probe(reader: Reader | None = None) -> HardwareProfile:
    """Return the hardware profile of this machine, or of the one behind `reader`.

    Nothing is run or measured and torch is not loaded; on a machine with two cores it takes some 20 ms. (Only where
    NVIDIA's devices are and their management library is not, a child process asks torch, which takes seconds.)

    Raises:
        ReaderError: A source of facts exists and could not be read.
    """
    source = HostReader() if reader is None else reader
    cpu = detect_cpu(source)
    return HardwareProfile(
        system=source.system,
        cpu=cpu,
        accelerators=detect_accelerators(source),
        software=_with_instruction_sets(detect_software(source), cpu),
    )


def _with_instruction_sets(software: Software, cpu: Cpu) -> Software:
    """Add what torch's libraries make of this processor."""
    chosen = {"aten_isa": aten_isa(cpu, software.settings), "onednn_isa": onednn_isa(cpu, software.settings)}
    return software.model_copy(update=chosen)
