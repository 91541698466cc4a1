"""Ports that a process listens on: a taken one is one clear line that names the setting to change."""

from __future__ import annotations

import socket

from runtime.errors import TutelaError

BACKLOG = 2048


class PortInUse(TutelaError):
    """Another program listens where we want to."""

    status = 503
    slug = "port-in-use"
    title = "A port is taken by another program"


def check_free(host: str, port: int, setting: str) -> None:
    """Raises ``PortInUse``. For programs that bind later by themselves; it can still be taken in between."""
    _bound(host, port, setting).close()


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket. Raises ``PortInUse``."""
    bound = _bound(host, port, setting)
    bound.listen(BACKLOG)
    return bound


def _bound(host: str, port: int, setting: str) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ports of connections that ended are free
    try:
        bound.bind((host, port))
    except OSError as refusal:
        bound.close()
        raise PortInUse(
            f"Port {port} on {host} cannot be used ({(refusal.strerror or str(refusal)).lower()}):"
            f" stop the program that has it, or choose another with {setting}."
        ) from refusal
    return bound
