"""What the doctor looks at. Pure; ``gather`` gets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import Status
from scim_operator.cli.doctor.checks import Check
from scim_operator.kube.kinds import Object

CONNECTION = "connection"
USER_QUERY = "user query"
GROUP_QUERY = "group query"
"""Names of the checks of Test Connection."""


class Unknown(str):
    """A fact that could not be had; the text says why."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Handshakes:
    """What came of two TLS handshakes with the host of the Tenant URL.

    Attributes
    ----------
    distrust
        Why the certificate is not accepted, as OpenSSL says it, and its number for it
        (``X509_V_ERR_...``); None and 0 if it is.
    not_after
        When an accepted certificate expires.
    suite
        What was agreed on when only TLS 1.2 and Entra's suites were offered; None if nothing was.
    """

    host: str
    distrust: str | None = None
    code: int = 0
    not_after: datetime | None = None
    suite: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What the tenant holds.

    Attributes
    ----------
    without_mail
        How many active users have no e-mail address.
    sought
        The user that was asked for; None if there is none.
    """

    without_mail: int
    sought: Object | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the checks look at.

    Attributes
    ----------
    token_id
        Id of the token to paste into Entra; None if it is not among the accepted ones.
    connection
        The checks of Test Connection.
    handshakes
        None if the Tenant URL is not https.
    unattended
        Why no operator looks after the tenant; None if one does, or if that is not known.
    user
        Name of the user that somebody misses; None if it is not about one.
    """

    tenant: Tenant
    now: datetime
    pods: Sequence[Object] | Unknown
    token_id: str | Unknown | None
    report: ServiceStatus | Unknown
    connection: Sequence[Check] | Unknown
    handshakes: Handshakes | Unknown | None
    contents: Contents | Unknown
    unattended: str | None = None
    user: str | None = None

    @property
    def report_or_status(self) -> ServiceStatus | Status:
        """What the service says of its contents; else what the operator has seen of it last."""
        return self.tenant.status if isinstance(self.report, Unknown) else self.report
