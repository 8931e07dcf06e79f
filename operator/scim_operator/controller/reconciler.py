"""One pass over a tenant: observe, plan, apply, report."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeGuard

from scim_operator.api import conditions, names
from scim_operator.api.conditions import Finding
from scim_operator.api.service_status import Problem, ServiceStatus
from scim_operator.api.tenant import Key, Tenant, UnreadableTenantError
from scim_operator.api.v1alpha1.status import ROLLOUT_STATES, RolloutState, RolloutStatus, Status
from scim_operator.controller.applier import Applier
from scim_operator.controller.observe import unlabelled
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.ingresses import IngressReader
from scim_operator.controller.observe.pod_events import PodEvents
from scim_operator.controller.records.served_mark import ServedMark
from scim_operator.controller.records.url_claim_store import UrlClaimStore
from scim_operator.desired import faults, plan
from scim_operator.desired.drift.outcomes import list_conflicts, merge_admitted
from scim_operator.desired.faults import BlockedError, Fault
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import Seals
from scim_operator.desired.plan import Plan
from scim_operator.desired.rollout import decisions, situation
from scim_operator.desired.rollout.decisions import Decision, Rollout
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import INGRESS, SECRET, STORAGE_CLASS, TENANT, VOLUME_CLAIM, Kind
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.settings import Settings
from scim_operator.status import events, tenant_conditions, tenant_metrics, tenant_status
from scim_operator.timestamps import parse_timestamp

_LOG = logging.getLogger(__name__)

REFERENCE_AGE = 30.0
"""Seconds for which an object that is read, not watched, counts as known."""

FAULT_PAUSE = 20.0
"""Seconds until an object that was refused is tried again."""

BINDING_TIME = timedelta(seconds=5)
"""How long a volume claim may be pending before its StorageClass is looked for."""

FIRST_LOOK = 1.0
"""Seconds until a tenant is looked at again whose objects have just been made."""

Object = dict[str, Any]


class ServiceStatuses(Protocol):
    """Where the services' counts come from."""

    def report(self, key: Key) -> ServiceStatus | None:
        """Return the last reading."""

    def problem(self, key: Key) -> Problem | None:
        """Return why the latest attempts to read failed."""


class WatchProblems(Protocol):
    """What is known of the kinds that cannot be watched."""

    def faults(self, namespace: str) -> Iterable[Fault]:
        """Return which kinds are not watched in a namespace, and why."""

    def unlisted(self, namespace: str) -> Fault | None:
        """Return why a namespace's objects are not known; None if they are."""


class Reconciler:
    """Brings tenants to what their specs say.

    Parameters
    ----------
    wake
        Called with tenants that a pass over another one has an effect on.
    """

    def __init__(
        self,
        kube: KubeClient,
        cache: Cache,
        settings: Settings,
        seals: Seals,
        *,
        url_claims: UrlClaimStore,
        readings: ServiceStatuses,
        watches: WatchProblems,
        enqueue: Callable[[Key], None],
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._seals = seals
        self._url_claims = url_claims
        self._readings = readings
        self._watches = watches
        self._enqueue = enqueue
        self._rollout = Rollout(
            settings.rollout_limit,
            timedelta(seconds=settings.rollout_timeout),
            timedelta(seconds=settings.rollout_patience),
            [(key, _rollout_state(body)) for key, body in cache.of_kind(TENANT)],
        )
        tenant_metrics.track_rollout(self._rollout.count)
        self._references: dict[tuple[Kind, str | None, str], tuple[float, Object | None]] = {}
        self._applier = Applier(kube, cache, seals)
        self._pod_events = PodEvents(kube)
        self._ingresses = IngressReader(kube)
        self._served_mark = ServedMark(kube, cache)

    async def __call__(self, key: Key) -> float | None:
        """Look at a tenant once.

        Returns
        -------
        float | None
            Seconds after which the tenant is due again by time alone.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            The API server cannot be reached or puts the pass off; trying again may help.
        HeldUp
            Nothing can be done for the tenant as long as something else stays as it is.
        """
        tenant = self._tenant(key)
        if tenant is None or tenant.is_deleting:
            if tenant is None:
                await self._url_claims.forget(key)
            self._rollout.forget(key)
            self._pod_events.forget(key)
            tenant_metrics.TENANTS.forget(str(key))
            return None
        now = self._kube.clock.now()
        if tenant.is_paused:
            self._rollout.forget(key)
            paused = tenant_status.mark_paused(tenant.status, tenant.generation, now)
            await self._write(tenant, paused)
            self._show(tenant, paused)
            return None
        before = tenant.status
        observed = await self._observe(tenant, now)
        planned = plan.build(observed, self._settings, now)
        is_new = before.is_unseen and not observed.children
        if planned.has_gaps and not is_new and not await self._exists(tenant):
            return None
        decision = self._decide(observed, planned, now)
        if decision and decision.takes_slot:
            tenant = await self._record(tenant, decision.record)
        is_held = decision is not None and decision.is_held
        outcomes = await self._applier.carry_out(
            planned.without_deployment() if is_held else planned
        )
        found = [*planned.faults, *self._watches.faults(key.namespace)]
        found += [outcome.fault for outcome in outcomes if outcome.fault]
        observed = replace(
            await self._observe_result(observed, tenant, now),
            admitted=merge_admitted(before.admitted, outcomes),
            conflicts=list_conflicts(outcomes),
        )
        if decision:
            observed = replace(
                observed, rollout=decisions.update_record(decision, planned, observed)
            )
        result = tenant_status.build(observed, planned, found, now)
        news = events.derive(
            before,
            result,
            planned,
            repaired=[each.repaired for each in outcomes if each.repaired and not before.is_unseen],
            kept=[each.kept for each in outcomes if each.kept],
            conflicts=[text for each in outcomes for text in each.begun],
        )
        await asyncio.gather(*(self._tell(tenant, event) for event in news))
        untold = found or planned.withheld
        if is_new and result.is_true(conditions.RECONCILING) and not untold:
            # In a moment the Deployment's first status arrives: one write tells of both.
            return FIRST_LOOK
        await self._write(tenant, result)
        await self._served_mark.keep(tenant, result)
        self._show(tenant, result)
        for held in self._rollout.list_movable():
            self._enqueue(held)
        due = self._due(observed, planned, found, now, decision)
        pauses = [due, self._pod_events.pause(key), *(outcome.pause for outcome in outcomes)]
        return min((pause for pause in pauses if pause is not None), default=None)

    def release(self, key: Key) -> None:
        """Give back what a tenant has that is left as it is: its place in the rollout."""
        self._rollout.forget(key)

    def _tenant(self, key: Key) -> Tenant | None:
        try:
            tenant = self._cache.tenant(key)
        except UnreadableTenantError as error:
            raise BlockedError(faults.explain_unreadable(error)) from None
        if tenant and (fault := self._watches.unlisted(key.namespace)):
            raise BlockedError(Finding(False, fault.reason, fault.message, fault.outlook))
        return tenant

    def _show(self, tenant: Tenant, result: Status) -> None:
        report = self._readings.report(tenant.key)
        max_users = tenant.spec.provisioning.max_users
        tenant_metrics.TENANTS.update(str(tenant.key), result, report, max_users)

    async def _observe(self, tenant: Tenant, now: datetime) -> Observed:
        key = tenant.key
        children, foreign, adopted = self._sort(
            tenant, await unlabelled.find(self._kube, self._cache, tenant, self._seals)
        )
        spec = tenant.spec
        existing = database = None
        if spec.token.existing_secret:
            existing = await self._reference(SECRET, key.namespace, spec.token.existing_secret)
        if spec.database.postgres:
            name = spec.database.postgres.url_from.name
            database = await self._reference(SECRET, key.namespace, name)
        claim = children.get((VOLUME_CLAIM, names.volume_claim(key.name)))
        pods = self._cache.pods(key)
        return Observed(
            tenant=tenant,
            seals=self._seals,
            children=children,
            foreign=foreign,
            adopted=adopted,
            pods=pods,
            pod_events=await self._pod_events.of(key, pods, now),
            hold=await self._url_claims.hold(tenant),
            existing_secret=existing,
            database_secret=database,
            deleted_token=self._deleted_token(tenant),
            storage_missing=await self._storage_missing(claim, now),
            service_status=self._readings.report(key),
            status_problem=self._readings.problem(key),
            rollout=tenant.status.rollout,
        )

    async def _observe_result(self, before: Observed, tenant: Tenant, now: datetime) -> Observed:
        """Return what is there after the plan was carried out."""
        after = self._sort(tenant, {})
        # Now that it is written it may name another class or Secret than before.
        ingress = after.own.get((INGRESS, names.workload(tenant.key.name)))
        return replace(
            before,
            tenant=tenant,
            children=after.own,
            adopted=after.adopted,
            ingress=await self._ingresses.read(tenant, ingress, now),
        )

    def _decide(self, observed: Observed, planned: Plan, now: datetime) -> Decision | None:
        """Decide about the pods; None if the Deployment is left alone."""
        key = observed.tenant.key
        wanted = planned.deployment
        if wanted is None:
            self._rollout.forget(key)
            return None
        is_applied = self._applier.leaves(observed.tenant, wanted)
        if record := situation.find_settled_record(observed, wanted, is_applied=is_applied):
            return self._rollout.note_settled(key, record)
        seen = situation.gather(observed, planned.context.address, wanted, is_applied=is_applied)
        return self._rollout.decide(key, seen, now)

    async def _record(self, tenant: Tenant, record: RolloutStatus) -> Tenant:
        """Write that a tenant has a place before it is moved; return the tenant with it."""
        status = tenant.status.model_copy(update={"rollout": record})
        await self._write(tenant, status)
        return replace(tenant, status=status)

    def _sort(self, tenant: Tenant, others: classification.Children) -> classification.Classified:
        children = self._cache.children(tenant.key) | dict(others)
        return classification.classify_all(children, tenant, self._seals)

    def _deleted_token(self, tenant: Tenant) -> Object | None:
        lost = self._cache.lost(tenant.key)
        is_own = lost and classification.classify(SECRET, lost, tenant, self._seals).is_own
        return lost if is_own else None

    async def _exists(self, tenant: Tenant) -> bool:
        """Ask whether a tenant is there, which has lost objects.

        They go with it, and word of its own end may come after theirs.
        """
        live = await self._kube.get(TENANT, *tenant.key)
        news = self._cache.put(TENANT, live) if live else self._cache.forget(tenant.key)
        for key in news:
            self._enqueue(key)
        return live is not None and live["metadata"]["uid"] == tenant.uid

    async def _reference(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Read an object that is not the operator's; one with the tenant label is watched."""
        if namespace is not None and (watched := self._cache.get(kind, namespace, name)):
            return watched
        known = self._references.get((kind, namespace, name))
        if known and known[0] > time.monotonic():
            return known[1]
        body = await self._kube.get(kind, namespace, name)
        self._references[kind, namespace, name] = (time.monotonic() + REFERENCE_AGE, body)
        return body

    async def _storage_missing(self, claim: Object | None, now: datetime) -> str | None:
        if not _is_pending(claim) or now - _created(claim) < BINDING_TIME:
            return None
        name = claim["spec"].get("storageClassName")
        if not name:
            return "no StorageClass is the cluster's default, and none is named"
        try:
            found = await self._reference(STORAGE_CLASS, None, name)
        except ApiError:
            # Without the right to look, the condition says less.
            return None
        return None if found else f"there is no StorageClass {name}"

    async def _write(self, tenant: Tenant, wanted: Status) -> Tenant:
        """Write a status if it differs; return the tenant with it."""
        if wanted == tenant.status:
            return tenant
        body = {
            "metadata": {
                "name": tenant.key.name,
                "namespace": tenant.key.namespace,
                # Not the status of a tenant of the same name that came after it.
                "uid": tenant.uid,
            },
            "status": wanted.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        try:
            answer = await self._kube.apply(TENANT, body, force=True, subresource="status")
        except ApiError as refusal:
            if refusal.code in (404, 409):
                return tenant
            raise
        self._cache.put(TENANT, answer)
        return Tenant.parse(answer)

    async def _tell(self, tenant: Tenant, event: events.Event) -> None:
        try:
            await self._kube.post_event(
                tenant.key, tenant.uid, event.reason, event.message, warning=event.warning
            )
        except (ApiError, *UNREACHABLE) as error:
            # The state is in the status; an event that is lost is not worth another pass.
            _LOG.debug("event %s is lost: %r", event.reason, error)

    def _due(
        self,
        observed: Observed,
        planned: Plan,
        found: list[Fault],
        now: datetime,
        decision: Decision | None,
    ) -> float | None:
        spec = observed.tenant.spec
        moments = [tenant_conditions.next_change(observed, now), observed.hold.due]
        if decision:
            moments.append(decision.retry_at)
        moments += [decided.due for decided in (planned.token, planned.access) if decided]
        pauses = [(moment - now).total_seconds() + 1 for moment in moments if moment]
        if found or planned.token is None:
            pauses.append(FAULT_PAUSE)
        claim = planned.context.claim
        if _is_pending(claim) and now - _created(claim) < BINDING_TIME:
            pauses.append(BINDING_TIME.total_seconds())
        if observed.storage_missing or observed.ingress.has_problem:
            # Nothing tells that a class has been made; a class that is made by hand can wait.
            pauses.append(2 * REFERENCE_AGE)
        if spec.database.postgres or spec.token.existing_secret:
            pauses.append(2 * REFERENCE_AGE)
        return min(pauses, default=None)


def _rollout_state(body: Object) -> RolloutState | None:
    """Read the state in a tenant's record without the cost of reading the tenant."""
    state = body.get("status")
    for field in ("rollout", "state"):
        state = state.get(field) if isinstance(state, dict) else None
    return state if isinstance(state, str) and state in ROLLOUT_STATES else None


def _is_pending(claim: Object | None) -> TypeGuard[Object]:
    return claim is not None and claim.get("status", {}).get("phase") == "Pending"


def _created(live: Object) -> datetime:
    return parse_timestamp(live["metadata"]["creationTimestamp"])
