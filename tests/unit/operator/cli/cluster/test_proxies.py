"""Tests of the choice of a proxy, which follows Go programs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from scim_operator.cli.cluster.proxies import choose

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_used"),
    [
        ("https://api.example.com", "", True),
        ("https://api.example.com", "*", False),
        ("https://api.example.com", "example.com", False),
        ("https://example.com", "example.com", False),
        ("https://badexample.com", "example.com", True),
        ("https://api.example.com", " .example.com , other", False),
        ("https://example.com", ".example.com", True),
        ("https://api.example.com", "*.example.com", False),
        ("https://api.example.com:6443", "example.com:6443", False),
        ("https://api.example.com", "example.com:6443", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8", False),
        ("https://11.1.2.3:6443", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.1.2.3", False),
        ("https://10.1.2.3", "no/network", True),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://[fd00::1]:6443", "[fd00::1]", False),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://[::1]:6443", "", False),
    ],
)
def test_no_proxy(url: str, no_proxy: str, *, is_used: bool) -> None:
    """NO_PROXY has domains, addresses and networks; connections to loopback use no proxy."""
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}
    proxy = choose(urlsplit(url), None, environ)
    assert (proxy is not None) == is_used


@pytest.mark.parametrize("url", ["https://api.example.com", "https://127.0.0.1"])
def test_kubeconfig_overrides_environment(url: str) -> None:
    """The proxy of the kubeconfig is used regardless of the environment."""
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}
    proxy = choose(urlsplit(url), "socks5://127.0.0.1:1080", environ)
    assert proxy
    assert proxy.geturl() == "socks5://127.0.0.1:1080"


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://a", {"https_proxy": "proxy:8080"}, "http://proxy:8080"),
        ("https://a", {"HTTP_PROXY": PROXY}, None),
        ("http://a", {"HTTP_PROXY": PROXY}, PROXY),
    ],
)
def test_environment(url: str, environ: dict[str, str], expected: str | None) -> None:
    """Each scheme has its own variable in upper or lower case; the proxy may omit its scheme."""
    proxy = choose(urlsplit(url), None, environ)
    assert (proxy.geturl() if proxy else None) == expected
