"""`autoprec agent`: report this machine to a service. Its options are those of `python -m autoprec_probe.agent`."""

import click


@click.command("agent", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def agent_command(arguments: tuple[str, ...]) -> int:
    """Report this machine's profile and live values to a service."""
    from autoprec_probe.agent.__main__ import main  # noqa: PLC0415 (loaded only here, so that help stays quick)

    return main(arguments)
