"""Tells of tenants over which no pass comes to its end: by conditions, an event and the metrics.

A pass that fails is repeated. One that fails again and again, whatever its cause, is no state that
anybody can see from outside, and the status from before would go on saying Ready.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from scim_operator.api.conditions import Finding
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache
from scim_operator.desired import faults
from scim_operator.desired.faults import BlockedError
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import TENANT, Object
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.status import tenant_metrics
from scim_operator.status.conditions import summary

_LOG = logging.getLogger(__name__)

REFUSED_AGAIN = 3
"""Failed passes in a row after which a refusal is told."""

FAILED_AGAIN = 5
"""Failed passes in a row after which anything else is told, which may pass by itself."""

SOON = 1.0
"""Seconds until a tenant is tried again whose failures have just been told: what the API server can
write again, it may also do again."""

_PASSING = (408, 409, 429)

Work = Callable[[Key], Awaitable[float | None]]


class ProblemReporter:
    """Tells of tenants what keeps the operator from its work for them."""

    def __init__(self, kube: KubeClient, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache
        self._told: dict[Key, str] = {}

    async def tell_waiting(self, finding: Finding) -> None:
        """Tell it of the tenants whose spec no operator has taken up; the rest is not worse off."""
        for key in self._cache.tenants():
            body = self._cache.get(TENANT, *key) or {}
            seen = _stored_status(body).get("observedGeneration")
            if body and seen != body["metadata"].get("generation", 0):
                await self.tell(key, finding)

    def forget(self, key: Key) -> None:
        """Take note that nothing keeps it from its work any more."""
        self._told.pop(key, None)

    async def tell(self, key: Key, finding: Finding) -> bool:
        """Have a tenant say why nothing comes of it; return whether it did not say so before."""
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
        written = await self._write(key, metadata["uid"], status)
        if not written and self._told.get(key) == finding.reason:
            return False
        self._told[key] = finding.reason
        _LOG.error("%s: %s", key, finding.message, extra={"tenant": str(key)})
        try:
            await self._kube.post_event(
                key, metadata["uid"], finding.reason, finding.message, warning=True
            )
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("the event %s of %s is lost: %r", finding.reason, key, error)
        return written

    async def _write(self, key: Key, uid: str, status: Object) -> bool:
        # The whole status as it is stored: an apply takes away what it leaves out.
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


class Failures:
    """Calls the work for a tenant, and tells when it keeps failing.

    Parameters
    ----------
    work
        One pass over a tenant, see `scim_operator.controller.queue.Work`.
    release
        Called with a tenant that is left as it is: it must not keep a place in the rollout.
    """

    def __init__(
        self, reporter: ProblemReporter, work: Work, *, release: Callable[[Key], None]
    ) -> None:
        self._reporter = reporter
        self._work = work
        self._release = release
        self._failures: dict[Key, int] = {}

    async def __call__(self, key: Key) -> float | None:
        """Make one pass.

        Raises
        ------
        Exception
            Whatever the work raises, unless that has just been told.
        """
        try:
            pause = await self._work(key)
        except BlockedError as held:
            # It is looked at again when the tenant, or what is known of its namespace, changes.
            self._release(key)
            await self._reporter.tell(key, held.finding)
            return None
        except Exception as error:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            if failures >= _patience(error) and await self._reporter.tell(
                key, _explain(error, key)
            ):
                return SOON
            raise
        self._failures.pop(key, None)
        self._reporter.forget(key)
        return pause


def _stored_status(body: Object) -> Object:
    status = body.get("status")
    return status if isinstance(status, dict) else {}


def _patience(error: Exception) -> int:
    """Return how many passes may fail by such an error before that is told."""
    is_refused = isinstance(error, ApiError) and error.code not in _PASSING and error.code < 500
    return REFUSED_AGAIN if is_refused else FAILED_AGAIN


def _explain(error: Exception, key: Key) -> Finding:
    if isinstance(error, ApiError):
        return faults.explain_failed_request(error, key.namespace)
    if isinstance(error, UNREACHABLE):
        return faults.SILENT
    return faults.explain_exception(error)
