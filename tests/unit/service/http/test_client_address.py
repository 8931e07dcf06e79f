"""Whom a request comes from, and who may say so."""

import pytest
from scim_service.http.client_address import TrustedProxies
from scim_service.settings import SettingsError

PROXIES = ("10.0.0.0/8", "fd00::/8", "192.0.2.7")


@pytest.mark.finding(10)
@pytest.mark.parametrize(
    ("client", "forwarded", "source"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["1.2.3.4", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.1.2.3", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.1.2.3", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("::ffff:10.1.2.3", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["198.51.100.1"], "198.51.100.1"),
        ("192.0.2.7", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["10.4.4.4"], "10.4.4.4"),
        ("10.1.2.3", ['"><script>'], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.1, unknown"], "10.1.2.3"),
        ("10.1.2.3", [""], "10.1.2.3"),
        (None, ["198.51.100.1"], ""),
    ],
)
def test_source(client: str | None, forwarded: list[str], source: str) -> None:
    """The last hop that is no trusted proxy is the source; what a client made up is nothing."""
    scope = {
        "client": None if client is None else (client, 1),
        "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded],
    }
    assert TrustedProxies(PROXIES).find_client(scope) == source


def test_nobody_is_trusted_by_default() -> None:
    """Without proxies the header says nothing."""
    scope = {"client": ("10.1.2.3", 1), "headers": [(b"x-forwarded-for", b"198.51.100.1")]}
    assert TrustedProxies().find_client(scope) == "10.1.2.3"


def test_a_text_that_is_not_a_network_is_refused() -> None:
    """The message names the text, and shows how a network is written."""
    with pytest.raises(SettingsError, match=r"'ingress' is not a network .* 10\.0\.0\.0/8"):
        TrustedProxies(["ingress"])
