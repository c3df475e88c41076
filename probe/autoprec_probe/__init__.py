"""What this machine is and which precisions it can really run (free of torch)."""

from autoprec_probe.candidate import Candidate, Device, MatmulPrecision, Strategy
from autoprec_probe.detect import probe
from autoprec_probe.energy import EnergyReading, device_joules, host_joules, read_energy
from autoprec_probe.errors import (
    CaptureError,
    DeviceNotFoundError,
    ForeignPrecisionError,
    ProbeError,
    ReaderError,
    UnknownPrecisionError,
)
from autoprec_probe.finding import Finding
from autoprec_probe.key import hardware_key
from autoprec_probe.precision import BUILT_IN, canonical_precision, known_precisions
from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile, Software
from autoprec_probe.reader import HostReader, Reader
from autoprec_probe.support import Support, SupportLevel, matmul_options, precision_table, support
from autoprec_probe.telemetry import DeviceTelemetry, HostTelemetry, Telemetry, read_telemetry

__all__ = [
    "BUILT_IN",
    "Accelerator",
    "Candidate",
    "CaptureError",
    "Cpu",
    "Device",
    "DeviceNotFoundError",
    "DeviceTelemetry",
    "EnergyReading",
    "Finding",
    "ForeignPrecisionError",
    "HardwareProfile",
    "HostReader",
    "HostTelemetry",
    "MatmulPrecision",
    "ProbeError",
    "Reader",
    "ReaderError",
    "Software",
    "Strategy",
    "Support",
    "SupportLevel",
    "Telemetry",
    "UnknownPrecisionError",
    "canonical_precision",
    "device_joules",
    "hardware_key",
    "host_joules",
    "known_precisions",
    "matmul_options",
    "precision_table",
    "probe",
    "read_energy",
    "read_telemetry",
    "support",
]
