"""The cluster's certificates, made by the openssl command: one authority that signs them all.

They live as long as the cluster that uses them. Python 3.13 and Go check chains strictly (key
identifiers, key usage), so the extensions are spelled out.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import ClusterError

# openssl's own default configuration would make every certificate an authority.
_CONFIG = "[req]\ndistinguished_name = subject\n[subject]\n"
_VALID_DAYS = "365"


class Authority:
    """A certificate authority in a folder.

    Parameters
    ----------
    folder
        Where keys and certificates are written, as NAME.key and NAME.crt.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, mode=0o700)
        (folder / "openssl.cnf").write_text(_CONFIG)
        self._request(
            "ca",
            "/CN=scim-operator local cluster",
            [
                "basicConstraints=critical,CA:TRUE",
                "keyUsage=critical,digitalSignature,keyCertSign,cRLSign",
                "subjectKeyIdentifier=hash",
            ],
        )

    def issue(
        self, name: str, *, user: str, group: str | None = None, hosts: tuple[str, ...] = ()
    ) -> None:
        """Sign a certificate: a client's, and with `hosts` a server's too.

        Kubernetes takes the common name as the user and the organization as the user's group.
        """
        organization = f"/O={group}" if group else ""
        usage = "clientAuth,serverAuth" if hosts else "clientAuth"
        extensions = [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            f"extendedKeyUsage={usage}",
            "subjectKeyIdentifier=hash",
            "authorityKeyIdentifier=keyid:always",
        ]
        if hosts:
            extensions.append(f"subjectAltName={alternative_names(hosts)}")
        self._request(name, f"{organization}/CN={user}", extensions, signed=True)

    def key_pair(self, name: str) -> None:
        """Make a bare key pair (NAME.key, NAME.pub), as service-account tokens are signed with."""
        key = str(self.folder / f"{name}.key")
        self._openssl(
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key
        )
        self._openssl("pkey", "-in", key, "-pubout", "-out", str(self.folder / f"{name}.pub"))

    def path(self, name: str) -> str:
        """The path of a file in the folder."""
        return str(self.folder / name)

    def _request(
        self, name: str, subject: str, extensions: list[str], *, signed: bool = False
    ) -> None:
        command = ["req", "-x509", "-config", self.path("openssl.cnf"), "-days", _VALID_DAYS]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-subj", subject]
        command += ["-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt")]
        for extension in extensions:
            command += ["-addext", extension]
        if signed:
            command += ["-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key")]
        self._openssl(*command)

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(
                f"openssl {arguments[0]} failed: {done.stderr.strip()}",
                hint="OpenSSL 3.0 or newer is needed",
            )


def alternative_names(hosts: tuple[str, ...]) -> str:
    """The subjectAltName value for names and IPv4 addresses."""
    return ",".join(
        f"IP:{host}" if host.replace(".", "").isdigit() else f"DNS:{host}" for host in hosts
    )
