"""Reads the kubeconfig as kubectl does: API server, user and namespace.

Every rule is kubectl's ("Organizing Cluster Access Using kubeconfig Files" and the kubeconfig v1
reference of the Kubernetes documentation); the tests run kubectl beside it. Of several files the
first one with a cluster, user or context of a name defines all of it, and the first one with a
current context chooses it. Paths are relative to their file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar

import yaml
from pydantic import Base64Bytes, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from scim_operator.cli.errors import ClusterError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder with the credentials of a pod's account."""

T = TypeVar("T")
M = TypeVar("M", bound="_Named")

_EMPTY_IF_NULL = BeforeValidator(lambda value: [] if value is None else value)
NullableList = Annotated[list[T], _EMPTY_IF_NULL]


class _Part(BaseModel):
    """A part of the file; unknown fields are ignored, as kubectl does."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )


class _Extension(_Part):
    name: str
    extension: Any = None


class Server(_Part):
    """An API server.

    Attributes
    ----------
    server
        Its URL, which may have a path.
    tls_server_name
        The name in its certificate, if it is not the URL's host.
    """

    server: str = ""
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool = False
    certificate_authority: str | None = None
    certificate_authority_data: Base64Bytes | None = None
    proxy_url: str | None = None
    extensions: NullableList[_Extension] = []


class Variable(_Part):
    """An environment variable of a credential plugin."""

    name: str
    value: str = ""


class Plugin(_Part):
    """A program that gets credentials (``client.authentication.k8s.io``)."""

    api_version: Annotated[
        Literal["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"],
        Field(alias="apiVersion"),
    ]
    command: str
    args: NullableList[str] = []
    env: NullableList[Variable] = []
    install_hint: Annotated[str | None, Field(alias="installHint")] = None
    provide_cluster_info: Annotated[bool, Field(alias="provideClusterInfo")] = False
    interactive_mode: Annotated[
        Literal["Never", "IfAvailable", "Always"], Field(alias="interactiveMode")
    ] = "IfAvailable"


class AuthProvider(_Part):
    """The predecessor of credential plugins."""

    name: str
    config: dict[str, str] | None = None


class User(_Part):
    """The user's credentials, and the user that they impersonate."""

    client_certificate: str | None = None
    client_certificate_data: Base64Bytes | None = None
    client_key: str | None = None
    client_key_data: Base64Bytes | None = None
    token: str | None = None
    token_file: Annotated[str | None, Field(alias="tokenFile")] = None
    username: str | None = None
    password: str | None = None
    exec: Plugin | None = None
    auth_provider: AuthProvider | None = None
    as_: Annotated[str | None, Field(alias="as")] = None
    as_uid: str | None = None
    as_groups: NullableList[str] = []
    as_user_extra: dict[str, list[str]] | None = None


class Context(_Part):
    """A cluster, a user and a namespace."""

    cluster: str = ""
    user: str = ""
    namespace: str | None = None


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class _NamedServer(_Part):
    name: str
    cluster: Server


class _NamedUser(_Part):
    name: str
    user: User


class _NamedContext(_Part):
    name: str
    context: Context


class _File(_Part):
    """One kubeconfig, or several merged ones."""

    clusters: NullableList[_NamedServer] = []
    users: NullableList[_NamedUser] = []
    contexts: NullableList[_NamedContext] = []
    current_context: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The options of the command line that override the kubeconfig; they are named as kubectl's.

    Attributes
    ----------
    kubeconfig
        The only file to read; else those of KUBECONFIG, else ``~/.kube/config``.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    as_: str | None = None
    as_uid: str | None = None
    as_groups: Sequence[str] = ()
    as_user_extra: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """One API server, one user and a default namespace."""

    server: Server
    user: User
    namespace: str


def load(choice: Choice, environ: Mapping[str, str], account: Path = SERVICE_ACCOUNT) -> Access:
    """Read the kubeconfig, or the account of the pod if there is no kubeconfig.

    Raises
    ------
    ClusterError
        There is neither, a file cannot be read, or it lacks the chosen entries.
    """
    merged = _merge(map(_read, _list_files(choice, environ)))
    name = choice.context or merged.current_context
    context = _find(merged.contexts, name, "context").context if name else Context()
    server = (
        _find(merged.clusters, context.cluster, "cluster").cluster if context.cluster else Server()
    )
    user = _find(merged.users, context.user, "user").user if context.user else User()
    namespace = choice.namespace or context.namespace
    if not server.server:
        pod = _read_account(environ, account)
        if pod is None:
            raise _no_cluster_error(merged)
        server, user = pod.server, pod.user
        namespace = namespace or pod.namespace
    return Access(server, _impersonate(user, choice), namespace or "default")


def _list_files(choice: Choice, environ: Mapping[str, str]) -> list[Path]:
    """Return the files to read; files in KUBECONFIG may be missing."""
    if choice.kubeconfig:
        return [Path(choice.kubeconfig)]
    named = [path for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    files = [Path(path) for path in dict.fromkeys(named)] or [Path.home() / ".kube" / "config"]
    return [file for file in files if file.exists()]


def _read(file: Path) -> _File:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
        found = _File.model_validate({} if content is None else content)
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError(
            f"the kubeconfig {file} cannot be read ({error}): name another with --kubeconfig or "
            "KUBECONFIG"
        ) from error
    except yaml.YAMLError as error:
        # The text around the error may hold a credential: only its position is shown.
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ClusterError(f"the kubeconfig {file} is no YAML{where}: correct it") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ClusterError(
            f"the kubeconfig {file} is wrong at {where or 'its beginning'}: {first['msg']}"
        ) from None
    for listed, kind in (
        (found.clusters, "cluster"),
        (found.users, "user"),
        (found.contexts, "context"),
    ):
        names = [each.name for each in listed]
        if len(set(names)) < len(names):
            raise ClusterError(
                f"the kubeconfig {file} has two entries of one {kind}: keep one of them"
            )
    _resolve_paths(found, file.absolute().parent)
    return found


def _resolve_paths(found: _File, folder: Path) -> None:
    """Make paths absolute; a command without a separator is searched on PATH."""

    def make_absolute(path: str | None) -> str | None:
        return str(folder / path) if path else None

    for server in (each.cluster for each in found.clusters):
        server.certificate_authority = make_absolute(server.certificate_authority)
    for user in (each.user for each in found.users):
        user.client_certificate = make_absolute(user.client_certificate)
        user.client_key = make_absolute(user.client_key)
        user.token_file = make_absolute(user.token_file)
        if user.exec and os.sep in user.exec.command:
            user.exec.command = str(folder / user.exec.command)


def _merge(files: Iterable[_File]) -> _File:
    """Merge files; entries of earlier files win."""

    def append_unknown(first: Sequence[M], second: Iterable[M]) -> list[M]:
        known = {each.name for each in first}
        return [*first, *(each for each in second if each.name not in known)]

    def add(merged: _File, file: _File) -> _File:
        return _File.model_construct(
            clusters=append_unknown(merged.clusters, file.clusters),
            users=append_unknown(merged.users, file.users),
            contexts=append_unknown(merged.contexts, file.contexts),
            current_context=merged.current_context or file.current_context,
        )

    return reduce(add, files, _File())


def _find(known: Sequence[M], name: str, kind: str) -> M:
    found = next((each for each in known if each.name == name), None)
    if found is None:
        names = ", ".join(each.name for each in known) or "none"
        raise ClusterError(f"the kubeconfig has no {kind} {name}; it has: {names}")
    return found


def _impersonate(user: User, choice: Choice) -> User:
    """Return the user with the impersonation of the command line, which overrides the file's."""
    extra = dict(user.as_user_extra or {})
    named: dict[str, list[str]] = {}
    for each in choice.as_user_extra:
        key, equals, value = each.partition("=")
        if not equals:
            raise ClusterError(f"--as-user-extra {each} is not of the form KEY=VALUE")
        named.setdefault(key, []).append(value)
    found = user.model_copy(
        update={
            "as_": choice.as_ or user.as_,
            "as_uid": choice.as_uid or user.as_uid,
            "as_groups": list(choice.as_groups) or user.as_groups,
            "as_user_extra": extra | named,
        }
    )
    if not found.as_ and (found.as_uid or found.as_groups or found.as_user_extra):
        raise ClusterError(
            "a group, uid or extra value cannot be impersonated without a user: name one with --as"
        )
    return found


def _read_account(environ: Mapping[str, str], folder: Path) -> Access | None:
    """Return the access of this pod's account; None outside of a cluster."""
    host = environ.get("KUBERNETES_SERVICE_HOST")
    port = environ.get("KUBERNETES_SERVICE_PORT")
    token = folder / "token"
    if not host or not port or not token.is_file():
        return None
    if ":" in host:
        host = f"[{host}]"
    authority = folder / "ca.crt"
    server = Server(
        server=f"https://{host}:{port}",
        certificate_authority=str(authority) if authority.is_file() else None,
    )
    file = folder / "namespace"
    namespace = environ.get("POD_NAMESPACE") or (
        file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    )
    return Access(server, User(token_file=str(token)), namespace)


def _no_cluster_error(merged: _File) -> ClusterError:
    names = ", ".join(each.name for each in merged.contexts)
    if names:
        return ClusterError(
            f"the kubeconfig chooses no cluster: name one of its contexts with --context ({names})"
        )
    return ClusterError(
        "there is no kubeconfig with a cluster: name one with --kubeconfig or KUBECONFIG"
    )
