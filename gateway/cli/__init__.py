"""The `gateway` command. Each command imports what it needs when it runs, so that `--help` answers at once."""

from __future__ import annotations


def main() -> None:
    """Run the command line; ends the process with the command's exit code."""
    from gateway.cli.program import run

    raise SystemExit(run())
