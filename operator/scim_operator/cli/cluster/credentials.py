"""Authenticates to the API server with headers, or a certificate from a file or a plugin.

A credential plugin speaks ``client.authentication.k8s.io`` (the Kubernetes documentation,
"Authenticating", client-go credential plugins). As with kubectl it is run only where the
kubeconfig has no token, password or certificate, and again when the API server does not accept its
credential.
"""

from __future__ import annotations

import base64
import json
import os
import string
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from scim_operator.cli.cluster.kubeconfig import Access, Plugin, Server, User
from scim_operator.cli.errors import ClusterError

_UNESCAPED = string.ascii_letters + string.digits + "!#$&'*+-.^_`|~"
"""Characters of a header's name (RFC 9110, section 5.6.2), without the escape itself."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate and its private key, both in PEM."""

    certificate: bytes
    key: bytes


class _Status(BaseModel):
    """The credential that a plugin returns."""

    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)

    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _ExecCredential(BaseModel):
    """The document that a plugin prints."""

    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)

    api_version: str
    kind: str
    status: _Status


class Credentials:
    """The credentials of one user for one API server."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._cached: _Status | None = None

    @property
    def client_certificate(self) -> ClientCertificate | None:
        """The client certificate; None if there is none.

        Raises
        ------
        ClusterError
            It cannot be read, or the credential plugin fails.
        """
        user = self._access.user
        certificate = _load(user.client_certificate_data, user.client_certificate)
        key = _load(user.client_key_data, user.client_key)
        if certificate and key:
            return ClientCertificate(certificate, key)
        returned = self._run_plugin()
        if returned and returned.client_certificate_data and returned.client_key_data:
            return ClientCertificate(
                returned.client_certificate_data.encode(), returned.client_key_data.encode()
            )
        return None

    def build_headers(self) -> Iterator[tuple[str, str]]:
        """Return the header fields of every request.

        Raises
        ------
        ClusterError
            A file cannot be read, or the credential plugin fails.
        """
        if authorization := self._build_authorization():
            yield "Authorization", authorization
        user = self._access.user
        if user.as_:
            yield "Impersonate-User", user.as_
        if user.as_uid:
            yield "Impersonate-Uid", user.as_uid
        for group in user.as_groups:
            yield "Impersonate-Group", group
        for key, values in (user.as_user_extra or {}).items():
            for value in values:
                yield f"Impersonate-Extra-{_escape(key)}", value

    def discard_cached(self) -> bool:
        """Forget the credential of the plugin; return whether there was one."""
        forgotten, self._cached = self._cached, None
        return forgotten is not None

    def _build_authorization(self) -> str | None:
        user = self._access.user
        token = user.token
        if user.token_file:
            token = _read_file(user.token_file).decode().strip() or token
        if token:
            return f"Bearer {token}"
        if user.username:
            login = f"{user.username}:{user.password or ''}"
            return f"Basic {base64.b64encode(login.encode()).decode()}"
        if user.auth_provider:
            return _read_oidc_token(user)
        returned = self._run_plugin()
        return f"Bearer {returned.token}" if returned and returned.token else None

    def _run_plugin(self) -> _Status | None:
        user = self._access.user
        has_fixed_credential = user.token or user.token_file or user.username
        if (
            user.exec is None
            or has_fixed_credential
            or user.client_certificate
            or user.client_certificate_data
        ):
            return None
        if self._cached is None:
            self._cached = _run_program(user.exec, self._access.server)
        return self._cached


def _load(data: bytes | None, file: str | None) -> bytes | None:
    return data or (_read_file(file) if file else None)


def _read_file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ClusterError(f"a file that the kubeconfig names cannot be read: {error}") from error


def _escape(key: str) -> str:
    """Write a key as the name of a header, as client-go does."""
    return "".join(
        letter if letter in _UNESCAPED else "".join(f"%{byte:02X}" for byte in letter.encode())
        for letter in key
    )


def _read_oidc_token(user: User) -> str:
    """Return the OpenID Connect token that kubectl keeps in the kubeconfig."""
    assert user.auth_provider
    token = (user.auth_provider.config or {}).get("id-token")
    if user.auth_provider.name != "oidc" or not token:
        raise ClusterError(
            f"the kubeconfig logs in by the auth-provider {user.auth_provider.name}, which has "
            "been removed from Kubernetes: use a credential plugin (exec) instead"
        )
    return f"Bearer {token}"


def _run_program(plugin: Plugin, server: Server) -> _Status:
    """Run a credential plugin.

    Raises
    ------
    ClusterError
        The plugin is missing, fails, or prints no credential.
    """
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not has_terminal:
        raise ClusterError(
            f"the credential plugin {plugin.command} needs a terminal for its questions: run this "
            "command in one"
        )
    is_interactive = has_terminal and plugin.interactive_mode != "Never"
    request = {
        "apiVersion": plugin.api_version,
        "kind": "ExecCredential",
        "spec": {"interactive": is_interactive}
        | ({"cluster": _describe_cluster(server)} if plugin.provide_cluster_info else {}),
    }
    variables = {each.name: each.value for each in plugin.env}
    try:
        done = subprocess.run(
            [plugin.command, *plugin.args],
            env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=None if is_interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        hint = f" {plugin.install_hint.strip()}" if plugin.install_hint else ""
        raise ClusterError(
            f"the credential plugin {plugin.command} cannot be run ({error.strerror}).{hint}"
        ) from error
    if done.returncode:
        raise ClusterError(
            f"the credential plugin {plugin.command} failed with exit status {done.returncode}"
        )
    return _parse(plugin, done.stdout)


def _parse(plugin: Plugin, output: bytes) -> _Status:
    error = ClusterError(
        f"the credential plugin {plugin.command} printed no credential of {plugin.api_version}: "
        "run it yourself and read its output"
    )
    try:
        credential = _ExecCredential.model_validate_json(output)
    except ValidationError:
        # The output may still hold a credential: no part of it is shown.
        raise error from None
    status = credential.status
    is_paired = bool(status.client_certificate_data) == bool(status.client_key_data)
    given = status.token or status.client_certificate_data
    if credential.api_version != plugin.api_version or not is_paired or not given:
        raise error
    return status


def _describe_cluster(server: Server) -> dict[str, object]:
    authority = _load(server.certificate_authority_data, server.certificate_authority)
    found: dict[str, object | None] = {
        "server": server.server,
        "tls-server-name": server.tls_server_name,
        "insecure-skip-tls-verify": server.insecure_skip_tls_verify or None,
        "certificate-authority-data": base64.b64encode(authority).decode() if authority else None,
        "proxy-url": server.proxy_url,
        "config": next(
            (
                each.extension
                for each in server.extensions
                if each.name == "client.authentication.k8s.io/exec"
            ),
            None,
        ),
    }
    return {key: value for key, value in found.items() if value is not None}
