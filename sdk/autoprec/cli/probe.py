"""`autoprec probe`: what this machine is."""

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoprec.cli import options
from autoprec.machine import this_machine
from autoprec_probe import Accelerator, HardwareProfile, probe
from autoprec_runner.quantities import figure, size

_UNKNOWN = "unknown"


@click.command("probe")
@click.option(
    "--measure", is_flag=True, help="Measure anew how fast products and copies are, in under 10 s, and keep the result."
)
@options.as_json
def probe_command(*, measure: bool, as_json: bool) -> None:
    """Show what this machine is: processor, accelerators, software, and its hardware key."""
    if measure:
        _measure(as_json=as_json)
        return
    profile = this_machine()
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
    cores = (
        f"{cpu.physical_cores or _UNKNOWN} physical, {cpu.logical_cores or _UNKNOWN} logical, {cpu.usable_cores} usable"
    )
    facts = [
        ("hardware key", profile.key),
        ("processor", f"{cpu.model_name or _UNKNOWN} ({cpu.vendor or _UNKNOWN}, {cpu.architecture})"),
        ("microarchitecture", cpu.microarchitecture or _UNKNOWN),
        ("cores", cores),
        ("memory", size(cpu.memory_total_bytes) if cpu.memory_total_bytes else _UNKNOWN),
        ("features", " ".join(cpu.features) or "none that matters to precision"),
    ]
    facts += [(f"{each.kind}:{each.index}", each.error or _accelerator(each)) for each in profile.accelerators]
    if not profile.accelerators:
        facts.append(("accelerators", "none found"))
    if profile.measured:
        facts.append(("measured", _measured(profile)))
    installed = [f"{name} {version}" for name, version in profile.software.packages.items() if version]
    facts.append(("software", f"Python {profile.software.python}; " + (", ".join(installed) or "no torch")))
    return facts


def _measured(profile: HardwareProfile) -> str:
    products = [each for each in profile.measured if each.tflops and each.matmul_precision == "highest"]
    return ", ".join(f"{each.dtype} {figure(each.tflops)}" for each in products if each.tflops) + " TFLOP/s"


def _accelerator(each: Accelerator) -> str:
    parts = [each.name or _UNKNOWN]
    if each.compute_capability:
        parts.append("compute capability {}.{}".format(*each.compute_capability))
    if each.memory_total_bytes:
        parts.append(size(each.memory_total_bytes))
    return ", ".join(parts)
