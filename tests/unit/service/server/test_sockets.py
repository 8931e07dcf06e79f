"""The listening sockets of a port, by the addresses that the machine has."""

import errno
import socket

import pytest
from scim_service.server import sockets
from scim_service.settings import SettingsError


def refuse(
    monkeypatch: pytest.MonkeyPatch, errors: dict[socket.AddressFamily, int]
) -> list[socket.socket]:
    """Let the kernel refuse sockets of these families; return those that it creates."""
    create = socket.create_server
    created: list[socket.socket] = []

    def create_server(address: tuple[str, int], **options: object) -> socket.socket:
        number = errors.get(options["family"])  # type: ignore[call-overload]
        if number is not None:
            raise OSError(number, "refused")
        created.append(create(("127.0.0.1", address[1])))
        return created[-1]

    monkeypatch.setattr(socket, "create_server", create_server)
    return created


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_family_that_is_absent_is_left_out(
    monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily
) -> None:
    """A machine with one family listens on the addresses of that family."""
    refuse(monkeypatch, {family: errno.EAFNOSUPPORT})
    (listener,) = sockets.listen(None, 0, "--port")
    with listener:
        assert sockets.format_authority(listener).startswith("127.0.0.1:")


def test_a_machine_without_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says that neither family is there."""
    refuse(monkeypatch, dict.fromkeys((socket.AF_INET, socket.AF_INET6), errno.EADDRNOTAVAIL))
    with pytest.raises(SettingsError, match="neither IPv4 nor IPv6"):
        sockets.listen(None, 0, "--port")


def test_a_port_in_use_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the option, and the first family's socket is closed again."""
    created = refuse(monkeypatch, {socket.AF_INET6: errno.EADDRINUSE})
    with pytest.raises(SettingsError, match="choose another port with --management-port"):
        sockets.listen(None, 0, "--management-port")
    assert [each.fileno() for each in created] == [-1]
