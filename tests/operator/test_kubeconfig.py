"""Compares the plugin's reading of kubeconfigs with kubectl's, against a real API server."""

from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.kubeconfig import Choice
from scim_operator.cli.errors import ClusterError

from tests.cluster import ControlPlane
from tests.operator.forward_proxies import http_proxy, socks_proxy
from tests.operator.world import Namespace

Config = dict[str, Any]
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
PLUGIN = """#!{python}
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
cluster = info["spec"].get("cluster")
if cluster and not (cluster["server"] and cluster["config"] == {{"audience": "a"}}):
    sys.exit("no cluster")
print(json.dumps({{
    "apiVersion": info["apiVersion"], "kind": "ExecCredential",
    "status": json.loads(os.environ["STATUS"]),
}}))
"""


class Files:
    """Kubeconfigs in a folder, with the administrator's credentials and an account's token."""

    def __init__(self, folder: Path, admin: Config, token: str) -> None:
        self.folder = folder
        self.token = token
        self._admin = admin
        (folder / "plugin").write_text(PLUGIN.format(python=sys.executable))
        (folder / "plugin").chmod(0o755)

    @property
    def server(self) -> Config:
        """The API server."""
        found: Config = self._admin["clusters"][0]["cluster"]
        return copy.deepcopy(found)

    @property
    def admin(self) -> Config:
        """The administrator."""
        found: Config = self._admin["users"][0]["user"]
        return copy.deepcopy(found)

    def text(self, name: str, content: str) -> str:
        """Write a file; return its path."""
        (self.folder / name).write_text(content, encoding="utf-8")
        return str(self.folder / name)

    def decoded(self, name: str, data: str) -> str:
        """Write base64 data of a kubeconfig to a file; return its name."""
        (self.folder / name).write_bytes(base64.b64decode(data))
        return name

    def write(self, name: str = "config", current: str = "local", **parts: Config | None) -> str:
        """Write a kubeconfig with one cluster, user and context, each named local.

        A part that is None is left out.
        """
        chosen = {"cluster": self.server, "user": self.admin, "context": None} | parts
        chosen["context"] = chosen["context"] or {"cluster": "local", "user": "local"}
        config: Config = {"apiVersion": "v1", "kind": "Config", "current-context": current}
        for kind, part in chosen.items():
            config[f"{kind}s"] = [{"name": "local", kind: part}] if part is not None else None
        return self.text(name, json.dumps(config))

    def user(self, **user: Any) -> str:
        """Write a kubeconfig with another user."""
        return self.write(user=user)

    def at(self, **server: Any) -> str:
        """Write a kubeconfig whose server differs."""
        changed = {key.replace("_", "-"): value for key, value in server.items()}
        return self.write(cluster=self.server | changed)

    def plugin(self, status: Config, command: str = "./plugin", **more: Any) -> str:
        """Write a kubeconfig with a credential plugin."""
        made = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "interactiveMode": "Never",
            "command": command,
            "env": [{"name": "STATUS", "value": json.dumps(status)}],
        }
        extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
        return self.write(
            cluster=self.server | {"extensions": [extension]}, user={"exec": made | more}
        )


def several(*paths: str) -> str:
    """Return the value of KUBECONFIG for several files."""
    return os.pathsep.join(paths)


@dataclass(frozen=True)
class Case:
    """A kubeconfig and options, with the user that they select.

    Attributes
    ----------
    who
        Name of the user; None if kubectl refuses.
    """

    make: Callable[[Files], str]
    who: str | None
    options: tuple[str, ...] = ()
    words: str = ""
    groups: frozenset[str] = field(default_factory=frozenset)


ADMIN = "admin"
ACCOUNT = "system:serviceaccount:{namespace}:reader"
CASES = {
    "one file": Case(lambda f: f.write(), ADMIN),
    "an empty file first": Case(lambda f: several(f.text("a", ""), f.write()), ADMIN),
    "a comment only": Case(lambda f: several(f.text("a", "# none yet\n"), f.write()), ADMIN),
    "a missing file": Case(lambda f: several("", "/nowhere/config", f.write()), ADMIN),
    "a byte order mark": Case(lambda f: f.text("b", "\ufeff" + Path(f.write()).read_text()), ADMIN),
    "a first file without a context": Case(
        lambda f: several(f.write("a", current="", context={}, cluster=None), f.write("b")), ADMIN
    ),
    "cluster, user and context in three files": Case(
        lambda f: several(
            f.text("a", json.dumps({"users": [{"name": "local", "user": f.admin}]})),
            f.text("b", json.dumps({"clusters": [{"name": "local", "cluster": f.server}]})),
            f.write("c", user=None, cluster=None),
        ),
        ADMIN,
    ),
    "two files with one user's name": Case(
        lambda f: several(f.write("a", user={"token": f.token}), f.write("b")), ACCOUNT
    ),
    "entries are not merged": Case(
        lambda f: several(f.write("a", user={"as": "ann"}), f.write("b")), None, words="403"
    ),
    "two current contexts": Case(
        lambda f: several(
            f.write("a", current="second"),
            f.text(
                "b",
                json.dumps(
                    {
                        "current-context": "local",
                        "users": [{"name": "other", "user": {"token": f.token}}],
                        "contexts": [
                            {"name": "second", "context": {"cluster": "local", "user": "other"}}
                        ],
                    }
                ),
            ),
        ),
        ACCOUNT,
    ),
    "a token": Case(lambda f: f.user(token=f.token), ACCOUNT),
    "a token in a file": Case(
        lambda f: f.user(tokenFile=Path(f.text("token", f.token + "\n")).name), ACCOUNT
    ),
    "a token file overrides a token": Case(
        lambda f: f.user(token="stale", tokenFile=f.text("token", f.token)), ACCOUNT
    ),
    "certificates in files": Case(
        lambda f: f.write(
            cluster={
                "server": f.server["server"],
                "certificate-authority": f.decoded(
                    "ca.crt", f.server["certificate-authority-data"]
                ),
            },
            user={
                "client-certificate": f.decoded("c.crt", f.admin["client-certificate-data"]),
                "client-key": f.decoded("c.key", f.admin["client-key-data"]),
            },
        ),
        ADMIN,
    ),
    "a plugin with a token": Case(lambda f: f.plugin({"token": f.token}), ACCOUNT),
    "a plugin with a certificate": Case(
        lambda f: f.plugin(
            {
                "clientCertificateData": base64.b64decode(
                    f.admin["client-certificate-data"]
                ).decode(),
                "clientKeyData": base64.b64decode(f.admin["client-key-data"]).decode(),
            }
        ),
        ADMIN,
    ),
    "a plugin with cluster information": Case(
        lambda f: f.plugin({"token": f.token}, provideClusterInfo=True), ACCOUNT
    ),
    "a plugin on PATH with arguments": Case(
        lambda f: f.plugin({"token": f.token}, sys.executable, args=[str(f.folder / "plugin")]),
        ACCOUNT,
    ),
    "a plugin of the older version": Case(
        lambda f: f.plugin({"token": f.token}, apiVersion="client.authentication.k8s.io/v1beta1"),
        ACCOUNT,
    ),
    "a certificate overrides a plugin": Case(
        lambda f: f.write(
            user=f.admin
            | {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "interactiveMode": "Never",
                    "command": "false",
                }
            }
        ),
        ADMIN,
    ),
    "a plugin that fails": Case(
        lambda f: f.plugin({}, "false"), None, words="failed with exit status 1"
    ),
    "a plugin that is missing": Case(
        lambda f: f.plugin({}, "no-such-plugin", installHint="Install it from X."),
        None,
        words="Install it from X.",
    ),
    "a plugin without a credential": Case(
        lambda f: f.plugin({}), None, words="printed no credential"
    ),
    "a plugin that needs a terminal": Case(
        lambda f: f.plugin({"token": f.token}, interactiveMode="Always"),
        None,
        words="needs a terminal",
    ),
    "impersonation": Case(lambda f: f.write(user=f.admin | {"as": "ann"}), "ann"),
    "impersonation with uid, groups and extra": Case(
        lambda f: f.write(
            user=f.admin
            | {
                "as": "Anna Łoś",
                "as-uid": "7",
                "as-groups": ["auditors", "team:x"],
                "as-user-extra": {"example.com/Reason (100%)": ["a", "b c"], "other": ["d"]},
            }
        ),
        "Anna Łoś",
        groups=frozenset({"auditors", "team:x"}),
    ),
    "impersonation by options": Case(
        lambda f: f.write(), "bob", ("--as", "bob", "--as-group", "g", "--as-group", "h")
    ),
    "the option overrides the file's user": Case(
        lambda f: f.write(user=f.admin | {"as": "ann", "as-groups": ["g"]}), "bob", ("--as", "bob")
    ),
    "options override the file's groups": Case(
        lambda f: f.write(user=f.admin | {"as": "ann", "as-groups": ["g"], "as-uid": "1"}),
        "ann",
        ("--as-group", "h", "--as-uid", "2", "--as-user-extra", "k=v", "--as-user-extra", "k=w"),
    ),
    "groups without a user": Case(
        lambda f: f.write(user=f.admin | {"as-groups": ["g"]}), None, words="name one with --as"
    ),
    "impersonation without the right": Case(
        lambda f: f.user(token=f.token), None, ("--as", "bob"), words="403"
    ),
    "the certificate's name in the kubeconfig": Case(
        lambda f: f.at(tls_server_name="kubernetes.default.svc"), ADMIN
    ),
    "a name that is not in the certificate": Case(
        lambda f: f.at(tls_server_name="elsewhere.example"), None, words="ertificate"
    ),
    "the system's authorities": Case(
        lambda f: f.write(cluster={"server": f.server["server"]}), None, words="ertificate"
    ),
    "insecure": Case(
        lambda f: f.write(cluster={"server": f.server["server"], "insecure-skip-tls-verify": True}),
        ADMIN,
    ),
    "insecure with an authority": Case(
        lambda f: f.at(insecure_skip_tls_verify=True), None, words="remove one of them"
    ),
    "a proxy of an unknown scheme": Case(
        lambda f: f.at(proxy_url="ftp://127.0.0.1:1"), None, words="correct proxy-url"
    ),
    "a proxy that does not answer": Case(
        lambda f: f.at(proxy_url="http://127.0.0.1:1"), None, words="does not answer"
    ),
    "no context": Case(lambda f: f.write(current=""), None, words="--context (local)"),
    "a context chosen by the option": Case(
        lambda f: f.write(current=""), ADMIN, ("--context", "local")
    ),
    "an unknown context": Case(
        lambda f: f.write(), None, ("--context", "x"), words="no context x; it has: local"
    ),
    "a context of an unknown user": Case(
        lambda f: f.write(context={"cluster": "local", "user": "x"}), None, words="no user x"
    ),
    "a context of an unknown cluster": Case(
        lambda f: f.write(context={"cluster": "x", "user": "local"}), None, words="no cluster x"
    ),
    "a context without a user": Case(
        lambda f: f.write(context={"cluster": "local"}), None, words="403"
    ),
    "two users of one name": Case(
        lambda f: f.text(
            "config", json.dumps({"users": [{"name": "x", "user": {}}, {"name": "x", "user": {}}]})
        ),
        None,
        words="two entries of one user",
    ),
    "no YAML": Case(lambda f: several(f.text("a", "users: ["), f.write()), None, words="no YAML"),
    "an empty file": Case(lambda f: f.text("a", ""), None, words="no kubeconfig with a cluster"),
    "a missing file named by the option": Case(
        lambda f: f.write(), None, ("--kubeconfig", "/nowhere/config"), words="cannot be read"
    ),
}


@pytest.fixture
def files(cluster: ControlPlane, admission: Namespace, tmp_path: Path) -> Files:
    """A folder for kubeconfigs."""
    admission.kubectl("create", "serviceaccount", "reader")
    token = admission.kubectl("create", "token", "reader").strip()
    return Files(tmp_path, json.loads(cluster.kubeconfig.read_text()), token)


def kubectl(cluster: ControlPlane, kubeconfig: str, options: tuple[str, ...]) -> Config | None:
    """Return the user according to kubectl; None if kubectl refuses."""
    done = subprocess.run(
        ["kubectl", "auth", "whoami", "-o", "json", *options],
        env=cluster.env | {"KUBECONFIG": kubeconfig},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode:
        return None
    found: Config = json.loads(done.stdout)["status"]["userInfo"]
    return found


def choice(options: tuple[str, ...]) -> Choice:
    """Return kubectl's options as the plugin's."""
    pairs = list(zip(options[::2], options[1::2], strict=True))
    named = dict(pairs)
    return Choice(
        kubeconfig=named.get("--kubeconfig"),
        context=named.get("--context"),
        as_=named.get("--as"),
        as_uid=named.get("--as-uid"),
        as_groups=[value for name, value in pairs if name == "--as-group"],
        as_user_extra=[value for name, value in pairs if name == "--as-user-extra"],
    )


def plugin(options: tuple[str, ...]) -> Config:
    """Return the user according to a request of the plugin.

    Raises
    ------
    ClusterError
        The plugin or the API server refuses.
    """
    with closing(Cluster.connect(choice(options))) as cluster:
        status, answer = cluster.server.request(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            json.dumps(REVIEW).encode(),
            "application/json",
        )
    if status != 201:
        raise ClusterError(f"{status}: {answer.decode()}")
    found: Config = json.loads(answer)["status"]["userInfo"]
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_as_kubectl(
    case: Case,
    cluster: ControlPlane,
    admission: Namespace,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The plugin has the same user as kubectl, or refuses as kubectl does."""
    kubeconfig = case.make(files)
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    expected = kubectl(cluster, kubeconfig, case.options)
    if case.who is None:
        assert expected is None
        with pytest.raises(ClusterError) as refused:
            plugin(case.options)
        assert case.words in refused.value.message
        assert files.token not in refused.value.message
        return
    assert expected is not None
    assert expected["username"] == case.who.format(namespace=admission.name)
    assert case.groups <= set(expected.get("groups", ()))
    found = plugin(case.options)
    for each in (found, expected):
        # Every authentication with a token or certificate has an id of its own.
        each.get("extra", {}).pop("authentication.kubernetes.io/credential-id", None)
    assert found == expected


@pytest.mark.parametrize(
    ("proxy", "scheme", "login"),
    [
        (http_proxy, "http", ""),
        (http_proxy, "http", "ada:s%40crets@"),
        (socks_proxy, "socks5", ""),
        (socks_proxy, "socks5", "ada:s%40crets@"),
    ],
)
def test_proxies(
    proxy: Any,
    scheme: str,
    login: str,
    cluster: ControlPlane,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both programs use the proxy and password of the kubeconfig."""
    with proxy(password="s@crets" if login else None) as (port, led):
        kubeconfig = files.at(proxy_url=f"{scheme}://{login}127.0.0.1:{port}")
        monkeypatch.setenv("KUBECONFIG", kubeconfig)
        assert kubectl(cluster, kubeconfig, ()) is not None
        before = len(led)
        assert before
        assert plugin(())["username"] == ADMIN
        assert len(led) > before
        assert set(led) == {files.server["server"].removeprefix("https://")}


def test_a_path_in_the_server(
    cluster: ControlPlane, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server may have a path and no TLS, as with `kubectl proxy` and some platforms."""
    with subprocess.Popen(
        ["kubectl", "proxy", "--port=0", "--api-prefix=/clusters/c-1/"],
        env=cluster.env,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        port = process.stdout.readline().rpartition(":")[2].strip()
        kubeconfig = files.write(
            cluster={"server": f"http://127.0.0.1:{port}/clusters/c-1/"}, user={}
        )
        monkeypatch.setenv("KUBECONFIG", kubeconfig)
        assert plugin(())["username"] == ADMIN
        process.terminate()


def test_a_refused_credential_is_renewed_once(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credential plugin runs again when the API server refuses its token."""
    count = files.folder / "count"
    files.text(
        "plugin",
        PLUGIN.format(python=sys.executable).replace(
            "info =",
            f"runs = open({str(count)!r}, 'a+'); runs.write('x'); runs.seek(0)\n"
            "if len(runs.read()) == 1: os.environ['STATUS'] = '{\"token\": \"stale\"}'\ninfo =",
        ),
    )
    monkeypatch.setenv("KUBECONFIG", files.plugin({"token": files.token}))
    assert plugin(())["username"].endswith(":reader")
    assert count.read_text() == "xx"


def test_impersonation(cluster: ControlPlane, admission: Namespace, tmp_path: Path) -> None:
    """A command with impersonation has the rights of the impersonated user only."""
    admission.apply("contoso")
    base = [sys.executable, "-m", "scim_operator.cli", "status", "-n", admission.name]

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*base, *options], env=cluster.env, capture_output=True, text=True, check=False
        )

    assert "contoso" in run().stdout
    assert "you may not list scimtenants" in run("--as", "bob").stderr
    assert "contoso" in run("--as", "bob", "--as-group", "system:masters").stdout
