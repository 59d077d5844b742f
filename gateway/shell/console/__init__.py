"""The operators' console: what is on its way, what was refused, and the few things a person may change."""

from gateway.shell.console.site import make_console

__all__ = ["make_console"]
