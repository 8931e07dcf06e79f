"""Reports tenants that cannot be reconciled: by conditions, an event and the metrics.

A failed reconcile is repeated. If it fails repeatedly, the status from before would still say
Ready, and nobody could see the failure from outside the operator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from scim_operator.api.conditions import Finding
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.queue import Reconcile
from scim_operator.desired import faults
from scim_operator.desired.faults import BlockedError
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import TENANT, Object
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.status import tenant_metrics
from scim_operator.status.conditions import summary

_LOG = logging.getLogger(__name__)

FAILURES_IF_REFUSED = 3
"""Failures in a row after which a request that the API server refuses is reported."""

FAILURES_OTHERWISE = 5
"""Failures in a row after which any other cause is reported; it may pass by itself."""

RETRY_SECONDS = 1.0
"""Pause after a report: the API server accepted the status, so it may accept the rest again."""

_TRANSIENT_CODES = (408, 409, 429)


class ProblemReporter:
    """Writes into a tenant's status why the operator cannot reconcile the tenant."""

    def __init__(self, kube: KubeClient, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache
        self._reported: dict[Key, str] = {}

    async def report_to_waiting(self, finding: Finding) -> None:
        """Report to the tenants whose spec no operator has reconciled; the others still work."""
        for key in self._cache.tenants():
            body = self._cache.get(TENANT, *key) or {}
            generation = _stored_status(body).get("observedGeneration")
            if body and generation != body["metadata"].get("generation", 0):
                await self.report(key, finding)

    def forget(self, key: Key) -> None:
        """Note that the tenant can be reconciled again."""
        self._reported.pop(key, None)

    async def report(self, key: Key, finding: Finding) -> bool:
        """Write the problem into the tenant's status; return whether the status changed."""
        body = self._cache.get(TENANT, *key)
        if body is None or "deletionTimestamp" in body["metadata"]:
            return False
        metadata = body["metadata"]
        now = self._kube.clock.now()
        status = summary.mark_blocked(
            _stored_status(body), finding, metadata.get("generation", 0), now
        )
        if status is None:
            tenant_metrics.TENANTS.update_conditions(str(key), body["status"]["conditions"])
            return False
        tenant_metrics.TENANTS.update_conditions(str(key), status["conditions"])
        is_written = await self._write(key, metadata["uid"], status)
        if not is_written and self._reported.get(key) == finding.reason:
            return False
        self._reported[key] = finding.reason
        _LOG.error("%s: %s", key, finding.message, extra={"tenant": str(key)})
        try:
            await self._kube.post_event(
                key, metadata["uid"], finding.reason, finding.message, warning=True
            )
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("the event %s of %s cannot be created: %r", finding.reason, key, error)
        return is_written

    async def _write(self, key: Key, uid: str, status: Object) -> bool:
        # The whole stored status: an apply removes the fields that it leaves out.
        body = {
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
            "status": status,
        }
        try:
            answer = await self._kube.apply(TENANT, body, force=True, subresource="status")
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning(
                "the status of %s cannot be written: %r", key, error, extra={"tenant": str(key)}
            )
            return False
        self._cache.put(TENANT, answer)
        return True


class FailureHandler:
    """Reconciles a tenant, and reports repeated failures.

    Parameters
    ----------
    reconcile
        Reconciles the tenant once.
    release
        Called with a tenant that cannot be reconciled: it must not keep a slot in the rollout.
    """

    def __init__(
        self, reporter: ProblemReporter, reconcile: Reconcile, *, release: Callable[[Key], None]
    ) -> None:
        self._reporter = reporter
        self._reconcile = reconcile
        self._release = release
        self._failures: dict[Key, int] = {}

    async def __call__(self, key: Key) -> float | None:
        """Reconcile once; return after how many seconds the tenant is due again.

        Raises
        ------
        Exception
            The error of the reconcile, unless it has just been reported.
        """
        try:
            after = await self._reconcile(key)
        except BlockedError as error:
            # A change of the tenant, or of the watches of its namespace, enqueues it again.
            self._release(key)
            await self._reporter.report(key, error.finding)
            return None
        except Exception as error:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            is_due = failures >= _failures_until_report(error)
            if is_due and await self._reporter.report(key, _explain(error, key)):
                return RETRY_SECONDS
            raise
        self._failures.pop(key, None)
        self._reporter.forget(key)
        return after


def _stored_status(body: Object) -> Object:
    status = body.get("status")
    return status if isinstance(status, dict) else {}


def _failures_until_report(error: Exception) -> int:
    is_refused = (
        isinstance(error, ApiError) and error.code not in _TRANSIENT_CODES and error.code < 500
    )
    return FAILURES_IF_REFUSED if is_refused else FAILURES_OTHERWISE


def _explain(error: Exception, key: Key) -> Finding:
    if isinstance(error, ApiError):
        return faults.explain_failed_request(error, key.namespace)
    if isinstance(error, UNREACHABLE):
        return faults.SILENT
    return faults.explain_exception(error)
