"""Tests of the kubeconfig that need no API server: a pod's account, and wrong files."""

from __future__ import annotations

from pathlib import Path

import pytest
from scim_operator.cli.cluster.credentials import Credentials
from scim_operator.cli.cluster.kubeconfig import Choice, load
from scim_operator.cli.errors import ClusterError

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a pod's account; the home has no kubeconfig."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text("abc\n")
    (folder / "ca.crt").write_text("certificate")
    (folder / "namespace").write_text("scim")
    return folder


def test_in_a_pod(account: Path) -> None:
    """Without a kubeconfig the plugin uses the pod's account and namespace."""
    access = load(Choice(), IN_POD, account)
    assert access.server.server == "https://10.0.0.1:443"
    assert access.server.certificate_authority == str(account / "ca.crt")
    assert access.namespace == "scim"
    assert dict(Credentials(access).build_headers()) == {"Authorization": "Bearer abc"}
    assert load(Choice(namespace="other"), IN_POD, account).namespace == "other"
    assert load(Choice(), IN_POD | {"POD_NAMESPACE": "named"}, account).namespace == "named"


def test_in_a_pod_with_ipv6(account: Path) -> None:
    """An IPv6 address is in brackets in the URL."""
    environ = IN_POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert load(Choice(), environ, account).server.server == "https://[fd00::1]:443"


def test_impersonation_in_a_pod(account: Path) -> None:
    """Impersonation works with the pod's account, too."""
    headers = dict(Credentials(load(Choice(as_="bob"), IN_POD, account)).build_headers())
    assert headers["Impersonate-User"] == "bob"


def test_kubeconfig_in_a_pod(account: Path, tmp_path: Path) -> None:
    """A kubeconfig with a current context overrides the pod's account."""
    config = tmp_path / "config"
    config.write_text(
        "current-context: a\n"
        "contexts: [{name: a, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"
        "users: null\n"
    )
    access = load(Choice(), IN_POD | {"KUBECONFIG": str(config)}, account)
    assert (access.server.server, access.namespace) == ("https://x", "default")


@pytest.mark.parametrize(
    "content",
    [
        'users: [{name: a, user: {token: "hunter2", as-groups: {}}}]',
        'users: [{name: a, user: {token: "hunter2]',
        'users: [{name: a, user: {token: {hunter2: ""}}}]',
        "hunter2",
        'users: [{name: a, user: {client-key-data: "hunter2!"}}]',
    ],
)
def test_no_credential_in_an_error(content: str, tmp_path: Path) -> None:
    """An error names the file and the position, and shows no content of the file."""
    config = tmp_path / "config"
    config.write_text(content)
    with pytest.raises(ClusterError) as error:
        load(Choice(kubeconfig=str(config)), {})
    assert str(config) in error.value.message
    assert "hunter2" not in error.value.message
