"""Tests of the credentials that need no API server."""

from __future__ import annotations

from pathlib import Path

import pytest
from scim_operator.cli.cluster.credentials import Credentials
from scim_operator.cli.cluster.kubeconfig import Choice, load
from scim_operator.cli.errors import ClusterError


def test_oidc_token(tmp_path: Path) -> None:
    """The token that kubectl keeps for OpenID Connect is used; other providers are an error."""
    config = tmp_path / "config"
    text = (
        "current-context: a\n"
        "contexts: [{name: a, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"
        "users: [{name: u, user: {auth-provider: {name: oidc, config: {id-token: abc}}}}]\n"
    )
    config.write_text(text)
    found = Credentials(load(Choice(kubeconfig=str(config)), {}))
    assert dict(found.build_headers()) == {"Authorization": "Bearer abc"}
    config.write_text(text.replace("oidc", "gcp"))
    with pytest.raises(ClusterError, match="use a credential plugin"):
        list(Credentials(load(Choice(kubeconfig=str(config)), {})).build_headers())
