"""`autoprec probe`: what a machine is."""

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoprec.cli import options
from autoprec.cli.machine import captures as captures_option
from autoprec.cli.machine import chosen_profile
from autoprec_probe import Accelerator, Cpu, HardwareProfile, Software, probe
from autoprec_probe.captures.capture import UNKNOWN
from autoprec_probe.hidden import hidden_units, hider
from autoprec_probe.schema import profile_schema
from autoprec_runner.quantities import figure, size


@click.command("probe")
@captures_option
@click.option(
    "--measure", is_flag=True, help="Measure anew how fast products and copies are, in under 10 s, and keep the result."
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of what --json prints.")
@options.as_json
def probe_command(
    *, captures: tuple[str, ...], more: tuple[str, ...], measure: bool, schema: bool, as_json: bool
) -> None:
    """Show what a machine is: processor, accelerators, software, known problems, and its hardware key.

    It is this machine, or the one that files tell of: autoprec probe --from cpuinfo.txt rocm-smi.json
    """
    if schema:
        click.echo(json.dumps(profile_schema(), indent=2))
        return
    if measure:
        if captures:
            raise click.UsageError("--measure measures this machine; --from tells of another. Leave one of them out.")
        _measure(as_json=as_json)
        return
    profile = chosen_profile(captures, more)
    if as_json:
        click.echo(profile.model_dump_json(indent=2))
    else:
        Console().print(_table(profile))


def _measure(*, as_json: bool) -> None:
    from autoprec.cli.rates import rates_report  # noqa: PLC0415 (the plain probe shall not wait for it)
    from autoprec_runner.rates.run import measure_and_keep  # noqa: PLC0415

    profile = probe()
    record = measure_and_keep(profile, profile.default_device)
    profile = profile.model_copy(update={"measured": record.rates})
    if as_json:
        click.echo(profile.model_dump_json(indent=2))
    else:
        Console().print(_table(profile), "", rates_report(record, profile, profile.default_device), sep="\n")


def _table(profile: HardwareProfile) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(profile):
        table.add_row(name, Text(value))
    return table


def _facts(profile: HardwareProfile) -> list[tuple[str, str]]:
    cpu = profile.cpu
    facts = [
        ("hardware key", profile.key),
        ("processor", f"{cpu.model_name or UNKNOWN} ({cpu.vendor or UNKNOWN}, {cpu.architecture})"),
        ("microarchitecture", cpu.microarchitecture or UNKNOWN),
        ("cores", _cores(cpu)),
        ("memory", _memory(cpu)),
        ("features", _features(cpu)),
    ]
    for each in profile.accelerators:
        facts.append((f"{each.kind}:{each.index}", each.error or _accelerator(each)))
        facts += [(f"  slice {place}", _slice(each, place)) for place in range(len(each.slices))]
    if not profile.accelerators:
        facts.append(("accelerators", "none found"))
    if profile.measured:
        facts.append(("measured", _measured(profile)))
    facts.append(("software", _software(profile.software)))
    return facts + [("problem", f"{each.sentence} {each.remedy}") for each in profile.findings]


def _cores(cpu: Cpu) -> str:
    parts = [f"{cpu.physical_cores or UNKNOWN} physical", f"{cpu.logical_cores or UNKNOWN} logical"]
    if cpu.usable_cores:
        parts.append(f"{cpu.usable_cores} usable")
    if cpu.cpu_quota is not None:
        parts.append(f"the time of {cpu.cpu_quota:g} (control group)")
    if cpu.threads_per_core:
        parts.append(f"{cpu.threads_per_core} thread{'s' if cpu.threads_per_core > 1 else ''} a core")
    if cpu.numa_nodes:
        parts.append(f"{cpu.numa_nodes} memory node{'s' if cpu.numa_nodes > 1 else ''}")
    if cpu.core_kinds:
        parts.append(" + ".join(f"{each.logical_cores} {each.name or 'of one kind'}" for each in cpu.core_kinds))
    return ", ".join(parts)


def _memory(cpu: Cpu) -> str:
    total = size(cpu.memory_total_bytes) if cpu.memory_total_bytes else UNKNOWN
    return f"{total}, {size(cpu.memory_limit_bytes)} usable (control group)" if cpu.memory_limit_bytes else total


def _features(cpu: Cpu) -> str:
    shown = " ".join(cpu.features) or "none that matters to precision"
    hidden = " ".join(sorted(hidden_units(cpu)))
    return f"{shown}; hidden by {hider(cpu)}: {hidden}" if hidden else shown


def _measured(profile: HardwareProfile) -> str:
    products = [each for each in profile.measured if each.tflops and each.matmul_precision == "highest"]
    return ", ".join(f"{each.dtype} {figure(each.tflops)}" for each in products if each.tflops) + " TFLOP/s"


def _accelerator(each: Accelerator) -> str:
    parts = [each.name or UNKNOWN]
    if each.compute_capability:
        parts.append("compute capability {}.{}".format(*each.compute_capability))
    parts += [fact for fact in (each.gfx_target, each.architecture) if fact]
    if each.cores:
        parts.append(f"{each.cores} cores")
    if each.memory_total_bytes:
        parts.append(size(each.memory_total_bytes))
    if each.partitioned:
        parts.append("partitioned")
    return ", ".join(parts)


def _slice(each: Accelerator, place: int) -> str:
    found = each.slices[place]
    memory = size(found.memory_total_bytes) if found.memory_total_bytes else UNKNOWN
    return f"{found.name or UNKNOWN}, {memory}"


def _software(software: Software) -> str:
    if software.python == UNKNOWN and not software.packages:
        return UNKNOWN
    installed = [f"{name} {version}" for name, version in software.packages.items() if version]
    drivers = {
        "NVIDIA driver": software.nvidia_driver,
        "CUDA of the driver": software.cuda_driver,
        "ROCm": software.rocm,
        "PyTorch built for": software.torch_build,
        "oneDNN": " ".join(filter(None, (software.onednn, software.onednn_isa and f"({software.onednn_isa})"))),
        "ATen": software.aten_isa,
    }
    told = [f"{name} {version}" for name, version in drivers.items() if version]
    told += [f"{name}={value}" for name, value in software.settings.items()]
    return f"Python {software.python}; " + (", ".join([*installed, *told]) or "no torch")
