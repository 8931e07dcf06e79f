"""The facts that the doctor's checks judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import Status
from scim_operator.cli.doctor.check import Check
from scim_operator.kube.kinds import Object

CONNECTION = "connection"
USER_QUERY = "user query"
GROUP_QUERY = "group query"
"""Names of the checks of Test Connection."""


class Unknown(str):
    """Stands for a missing fact; its text is the reason."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Handshakes:
    """The result of two TLS handshakes with the host of the Tenant URL.

    Attributes
    ----------
    certificate_error, code
        Why the certificate is not accepted, in OpenSSL's words, and OpenSSL's error number
        (``X509_V_ERR_...``); None and 0 if it is accepted.
    not_after
        When an accepted certificate expires.
    suite
        The cipher suite of the handshake with TLS 1.2 and Entra's suites; None if it failed.
    """

    host: str
    certificate_error: str | None = None
    code: int = 0
    not_after: datetime | None = None
    suite: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """Facts about the tenant's users.

    Attributes
    ----------
    without_mail
        How many active users have no e-mail address.
    sought
        The user that the command names; None if the tenant has no such user.
    """

    without_mail: int
    sought: Object | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts about one tenant.

    Attributes
    ----------
    token_id
        Id of the token to paste into Entra; None if the service does not accept that token.
    connection
        The checks of Test Connection.
    handshakes
        None if the Tenant URL is not https.
    unattended
        Why no operator serves the tenant; None if an operator does, or if that is not known.
    user
        Name of the user that the command names; None if it names no user.
    """

    tenant: Tenant
    now: datetime
    pods: Sequence[Object] | Unknown
    token_id: str | Unknown | None
    service_status: ServiceStatus | Unknown
    connection: Sequence[Check] | Unknown
    handshakes: Handshakes | Unknown | None
    contents: Contents | Unknown
    unattended: str | None = None
    user: str | None = None

    @property
    def counts(self) -> ServiceStatus | Status:
        """The counts of the service; those in the tenant's status if the service is unknown."""
        found = self.service_status
        return self.tenant.status if isinstance(found, Unknown) else found
