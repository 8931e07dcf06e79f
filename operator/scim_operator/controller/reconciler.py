"""Reconciles one tenant: observe, plan, decide, apply, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scim_operator.api import conditions
from scim_operator.api.conditions import Finding
from scim_operator.api.tenant import Key, Tenant, UnreadableTenantError
from scim_operator.api.v1alpha1.status import ROLLOUT_STATES, RolloutState, Status
from scim_operator.controller.apply.applier import Applier
from scim_operator.controller.next_reconcile import seconds_until_due
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.informers import Informers
from scim_operator.controller.observe.service_poller import ServicePoller
from scim_operator.controller.observer import Observer
from scim_operator.controller.records.served_mark import ServedMark
from scim_operator.controller.records.url_claim_store import UrlClaimStore
from scim_operator.controller.status_writer import StatusWriter
from scim_operator.desired import faults, plan
from scim_operator.desired.drift.outcomes import Outcome, list_conflicts, merge_admitted
from scim_operator.desired.faults import BlockedError
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership.seals import Seals
from scim_operator.desired.plan import Plan
from scim_operator.desired.rollout import decisions, situation
from scim_operator.desired.rollout.decisions import Decision, Rollout
from scim_operator.kube.client import KubeClient
from scim_operator.kube.kinds import TENANT, Object
from scim_operator.settings import Settings
from scim_operator.status import events, tenant_metrics, tenant_status

NEW_TENANT_SECONDS = 1.0
"""Delay before re-checking a tenant whose objects were just created."""


class Reconciler:
    """Makes a tenant's objects match its spec, and its status match the objects.

    Parameters
    ----------
    enqueue
        Called with other tenants that the reconcile of a tenant affects.
    """

    def __init__(
        self,
        kube: KubeClient,
        cache: Cache,
        settings: Settings,
        seals: Seals,
        *,
        url_claims: UrlClaimStore,
        poller: ServicePoller,
        informers: Informers,
        enqueue: Callable[[Key], None],
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._url_claims = url_claims
        self._poller = poller
        self._informers = informers
        self._enqueue = enqueue
        self._observer = Observer(kube, cache, seals, url_claims=url_claims, poller=poller)
        self._applier = Applier(kube, cache, seals)
        self._writer = StatusWriter(kube, cache)
        self._served_mark = ServedMark(kube, cache)
        self._rollout = Rollout(
            settings.rollout_limit,
            timedelta(seconds=settings.rollout_timeout),
            timedelta(seconds=settings.rollout_patience),
            [(key, _read_rollout_state(body)) for key, body in cache.of_kind(TENANT)],
        )
        tenant_metrics.track_rollout(self._rollout.count)

    async def reconcile(self, key: Key) -> float | None:
        """Reconcile a tenant once; return after how many seconds it is due without any event.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            The API server is unreachable or refuses a request that every reconcile needs.
        BlockedError
            The tenant cannot be reconciled until it, or the watch of its namespace, changes.
        """
        tenant = self._find_tenant(key)
        if tenant is None or tenant.is_deleting:
            await self._forget(key, is_gone=tenant is None)
            return None
        now = self._kube.clock.now()
        if tenant.is_paused:
            await self._report_pause(tenant, now)
            return None
        observed = await self._observer.observe(tenant, now)
        planned = plan.build(observed, self._settings, now)
        is_new = tenant.status.is_unseen and not observed.children
        if planned.has_gaps and not is_new and not await self._still_exists(tenant):
            return None
        decision = self._decide_rollout(observed, planned, now)
        applied, outcomes = await self._apply(tenant, planned, decision)
        found = [*planned.faults, *self._informers.find_faults(key.namespace)]
        found += [outcome.fault for outcome in outcomes if outcome.fault]
        observed = await self._observe_again(observed, applied, planned, decision, outcomes, now)
        result = tenant_status.build(observed, planned, found, now)
        await self._post_events(tenant, result, planned, outcomes)
        is_usual = not found and not planned.withheld
        if is_new and is_usual and result.is_true(conditions.RECONCILING):
            # The Deployment gets its first status soon: one write then reports both.
            return NEW_TENANT_SECONDS
        await self._report(applied, result)
        for waiting in self._rollout.list_movable():
            self._enqueue(waiting)
        pauses = [
            seconds_until_due(observed, planned, found, decision, now),
            self._observer.seconds_until_read(key),
            *(outcome.pause for outcome in outcomes),
        ]
        return min((pause for pause in pauses if pause is not None), default=None)

    def release(self, key: Key) -> None:
        """Release the slot of a tenant that cannot be reconciled."""
        self._rollout.forget(key)

    def _find_tenant(self, key: Key) -> Tenant | None:
        try:
            tenant = self._cache.tenant(key)
        except UnreadableTenantError as error:
            raise BlockedError(faults.explain_unreadable(error)) from None
        if tenant and (fault := self._informers.find_unlisted(key.namespace)):
            raise BlockedError(Finding(False, fault.reason, fault.message, fault.outlook))
        return tenant

    async def _forget(self, key: Key, *, is_gone: bool) -> None:
        if is_gone:
            await self._url_claims.release(key)
        self._rollout.forget(key)
        self._observer.forget(key)
        tenant_metrics.TENANTS.forget(str(key))

    async def _report_pause(self, tenant: Tenant, now: datetime) -> None:
        self._rollout.forget(tenant.key)
        status = tenant_status.mark_paused(tenant.status, tenant.generation, now)
        await self._writer.write(tenant, status)
        self._update_metrics(tenant, status)

    async def _still_exists(self, tenant: Tenant) -> bool:
        """Check that a tenant whose objects vanished still exists.

        Its objects vanish with it, and the event of its own deletion may arrive after theirs.
        """
        live = await self._kube.get(TENANT, *tenant.key)
        changed = self._cache.put(TENANT, live) if live else self._cache.forget(tenant.key)
        for key in changed:
            self._enqueue(key)
        return live is not None and live["metadata"]["uid"] == tenant.uid

    def _decide_rollout(self, observed: Observed, planned: Plan, now: datetime) -> Decision | None:
        """Decide whether the pods may change; None if the plan has no Deployment."""
        key = observed.tenant.key
        desired = planned.deployment
        if desired is None:
            self._rollout.forget(key)
            return None
        is_applied = self._applier.leaves(observed.tenant, desired)
        if record := situation.find_settled_record(observed, desired, is_applied=is_applied):
            return self._rollout.note_settled(key, record)
        seen = situation.gather(observed, planned.context.address, desired, is_applied=is_applied)
        return self._rollout.decide(key, seen, now)

    async def _apply(
        self, tenant: Tenant, planned: Plan, decision: Decision | None
    ) -> tuple[Tenant, list[Outcome]]:
        """Apply a plan; return the tenant as it is then, and the outcome for each object."""
        if decision and decision.takes_slot:
            # The record first: after a restart the tenant still has its slot.
            status = tenant.status.model_copy(update={"rollout": decision.record})
            await self._writer.write(tenant, status)
            tenant = replace(tenant, status=status)
        if decision and decision.is_held:
            planned = planned.without_deployment()
        return tenant, await self._applier.apply(planned)

    async def _observe_again(
        self,
        before: Observed,
        tenant: Tenant,
        planned: Plan,
        decision: Decision | None,
        outcomes: Sequence[Outcome],
        now: datetime,
    ) -> Observed:
        observed = replace(
            await self._observer.observe_again(before, tenant, now),
            admitted=merge_admitted(before.tenant.status.admitted, outcomes),
            conflicts=list_conflicts(outcomes),
        )
        if decision is None:
            return observed
        return replace(observed, rollout=decisions.update_record(decision, planned, observed))

    async def _post_events(
        self, before: Tenant, result: Status, planned: Plan, outcomes: Sequence[Outcome]
    ) -> None:
        is_first = before.status.is_unseen
        news = events.derive(
            before.status,
            result,
            planned,
            repaired=[each.repaired for each in outcomes if each.repaired and not is_first],
            kept=[each.kept for each in outcomes if each.kept],
            conflicts=[text for each in outcomes for text in each.begun],
        )
        await self._writer.post_events(before, news)

    async def _report(self, tenant: Tenant, status: Status) -> None:
        await self._writer.write(tenant, status)
        await self._served_mark.write(tenant, status)
        self._update_metrics(tenant, status)

    def _update_metrics(self, tenant: Tenant, status: Status) -> None:
        service_status = self._poller.latest(tenant.key)
        max_users = tenant.spec.provisioning.max_users
        tenant_metrics.TENANTS.update(str(tenant.key), status, service_status, max_users)


def _read_rollout_state(body: Object) -> RolloutState | None:
    """Read the state in a tenant's record without the cost of reading the tenant."""
    state = body.get("status")
    for field in ("rollout", "state"):
        state = state.get(field) if isinstance(state, dict) else None
    return state if isinstance(state, str) and state in ROLLOUT_STATES else None
