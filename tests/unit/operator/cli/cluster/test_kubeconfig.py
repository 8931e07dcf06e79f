"""What no API server is needed for: a pod's own account, and what is shown of a wrong file."""

from __future__ import annotations

from pathlib import Path

import pytest
from scim_operator.cli.cluster.credentials import Credentials
from scim_operator.cli.cluster.kubeconfig import Choice, load
from scim_operator.cli.errors import ClusterError

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a pod's account, and a home without a kubeconfig."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text("abc\n")
    (folder / "ca.crt").write_text("certificate")
    (folder / "namespace").write_text("scim")
    return folder


def test_in_a_pod(account: Path) -> None:
    """Where there is no kubeconfig the pod's account is used, and its namespace is meant."""
    access = load(Choice(), IN_POD, account)
    assert access.server.server == "https://10.0.0.1:443"
    assert access.server.certificate_authority == str(account / "ca.crt")
    assert access.namespace == "scim"
    assert dict(Credentials(access).headers()) == {"Authorization": "Bearer abc"}
    assert load(Choice(namespace="other"), IN_POD, account).namespace == "other"
    assert load(Choice(), IN_POD | {"POD_NAMESPACE": "named"}, account).namespace == "named"


def test_in_a_pod_with_ipv6(account: Path) -> None:
    """An IPv6 address is written as a URL has it."""
    environ = IN_POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert load(Choice(), environ, account).server.server == "https://[fd00::1]:443"


def test_in_a_pod_as_another(account: Path) -> None:
    """Who acts as another in a pod does not act with the pod's rights."""
    headers = dict(Credentials(load(Choice(as_="bob"), IN_POD, account)).headers())
    assert headers["Impersonate-User"] == "bob"


def test_a_kubeconfig_before_the_account(account: Path, tmp_path: Path) -> None:
    """A kubeconfig that chooses a cluster counts in a pod, too."""
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
    """A file that is wrong is named with the place, and nothing in it is shown."""
    config = tmp_path / "config"
    config.write_text(content)
    with pytest.raises(ClusterError) as refused:
        load(Choice(kubeconfig=str(config)), {})
    assert str(config) in refused.value.message
    assert "hunter2" not in refused.value.message


def test_a_token_that_kubectl_renews(tmp_path: Path) -> None:
    """The token that kubectl keeps for OpenID Connect is used; other providers are refused."""
    config = tmp_path / "config"
    text = (
        "current-context: a\n"
        "contexts: [{name: a, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"
        "users: [{name: u, user: {auth-provider: {name: oidc, config: {id-token: abc}}}}]\n"
    )
    config.write_text(text)
    found = Credentials(load(Choice(kubeconfig=str(config)), {}))
    assert dict(found.headers()) == {"Authorization": "Bearer abc"}
    config.write_text(text.replace("oidc", "gcp"))
    with pytest.raises(ClusterError, match="use a credential plugin"):
        list(Credentials(load(Choice(kubeconfig=str(config)), {})).headers())
