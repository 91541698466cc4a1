"""A taken port is named, with the setting that changes it; a free one is ours."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from runtime.ports import PortInUse, check_free, listen


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_named_with_the_setting_that_changes_it(taken: int) -> None:
    with pytest.raises(PortInUse, match=rf"Port {taken} .*in use.* TUTELA_API_PORT"):
        check_free("127.0.0.1", taken, "TUTELA_API_PORT")
    with pytest.raises(PortInUse):
        listen("127.0.0.1", taken, "TUTELA_API_PORT")


def test_an_address_that_is_not_this_machines_is_named() -> None:
    with pytest.raises(PortInUse, match=r"on 192\.0\.2\.1 cannot be used"):
        check_free("192.0.2.1", 0, "TUTELA_API_HOST")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_free_port_is_listened_on_and_free_again_at_once(host: str) -> None:
    with listen(host, 0, "TUTELA_API_PORT") as bound:
        port = bound.getsockname()[1]
        with socket.create_connection((host, port)), bound.dup():
            accepted, _ = bound.accept()
            accepted.close()
    check_free(host, port, "TUTELA_API_PORT")
