"""Who has which Tenant URL: the claims in the order in which they were made. Pure.

A claim is made before the route and outlives it: the tenant that holds it keeps it through edits
of others, restarts and restores, and what it leaves stays reserved for its namespace, because
Entra may go on sending the old customer's users there.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from scim_operator.api import names
from scim_operator.api.conditions import EXPOSED, Finding, Outlook
from scim_operator.api.tenant import Key, Tenant
from scim_operator.desired.urls.address import Address, derive_address
from scim_operator.desired.urls.rules import Place, UrlPermission, check_url
from scim_operator.kube.kinds import Object
from scim_operator.settings import Settings
from scim_operator.timestamps import format_timestamp, parse_timestamp

CONFLICT = "URLConflict"
_Age = tuple[datetime, Key, Place]

MOST_RESERVED = 1000
"""URLs that are reserved for one namespace at most, so that its owner cannot fill the store."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One URL and the tenant that has it, or had it last.

    Attributes
    ----------
    since
        When the namespace claimed it.
    released
        When its tenant left it; None while it is held.
    """

    place: Place
    tenant: Key
    since: datetime
    released: datetime | None = None

    def record(self, settings: Settings) -> Object:
        """Return the ConfigMap that keeps it."""
        data = {
            "host": self.place.host,
            "path": self.place.path,
            "namespace": self.tenant.namespace,
            "name": self.tenant.name,
            "since": format_timestamp(self.since),
            # Present and empty, so that an apply ends it.
            "releasedAt": format_timestamp(self.released) if self.released else "",
        }
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": names.url_claim(settings.lease_name, *self.place),
                "namespace": settings.namespace,
                "labels": {
                    names.MANAGED_BY_LABEL: names.MANAGER,
                    names.CLAIM_LABEL: settings.lease_name,
                },
            },
            "data": data,
        }

    @classmethod
    def of(cls, record: Object) -> Self:
        """Read a ConfigMap.

        Raises
        ------
        KeyError, ValueError
            It is not as `record` makes it.
        """
        data = record.get("data") or {}
        released = data.get("releasedAt")
        return cls(
            place=Place(data["host"], data["path"]),
            tenant=Key(data["namespace"], data["name"]),
            since=parse_timestamp(data["since"]),
            released=parse_timestamp(released) if released else None,
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """What a pass may do with the URL of its tenant.

    Attributes
    ----------
    is_routed
        Whether the tenant may have its route, and show its URL.
    finding
        What the condition says instead of telling of the route; None if there is nothing.
    note
        What it says beside that.
    due
        When time alone may change it.
    """

    is_routed: bool
    finding: Finding | None = None
    note: str = ""
    due: datetime | None = None


HELD = Hold(is_routed=True)


class Register:
    """The claims, found by place, host and tenant.

    Parameters
    ----------
    reserve
        How long a claim that was released keeps other namespaces out.
    """

    def __init__(self, reserve: timedelta) -> None:
        self._reserve = reserve
        self._claims: dict[Place, Claim] = {}
        self._below: defaultdict[Place, set[Place]] = defaultdict(set)
        self._held: defaultdict[Key, set[Place]] = defaultdict(set)
        self._by_age: defaultdict[str, list[_Age]] = defaultdict(list)

    def get(self, place: Place) -> Claim | None:
        """Return the claim on just that place."""
        return self._claims.get(place)

    def put(self, claim: Claim) -> None:
        """Add a claim, in place of one on the same place."""
        self.remove(claim.place)
        self._claims[claim.place] = claim
        insort(self._by_age[claim.place.host], _age(claim))
        for place in claim.place.above():
            self._below[place].add(claim.place)
        if claim.released is None:
            self._held[claim.tenant].add(claim.place)

    def take(self, place: Place, key: Key, now: datetime, since: datetime) -> Claim:
        """Claim a place that nothing keeps a tenant from; a namespace goes on with its own claim.

        Parameters
        ----------
        since
            When it was claimed if nothing is known of an earlier claim.
        """
        known = next(self._standing((place,), now), None)
        if known is None or known.tenant.namespace != key.namespace:
            claim = Claim(place, key, since)
        else:
            claim = replace(known, tenant=key, released=None)
        self.put(claim)
        return claim

    def remove(self, place: Place) -> None:
        """Forget the claim on a place, if there is one."""
        claim = self._claims.pop(place, None)
        if claim is None:
            return
        ages = self._by_age[place.host]
        del ages[bisect_left(ages, _age(claim))]
        if not ages:
            del self._by_age[place.host]
        for above in place.above():
            self._below[above].discard(place)
            if not self._below[above]:
                del self._below[above]
        self._held[claim.tenant].discard(place)
        if not self._held[claim.tenant]:
            del self._held[claim.tenant]

    def held(self, key: Key) -> list[Place]:
        """Return the places that a tenant holds."""
        return sorted(self._held.get(key, ()))

    def holds(self, key: Key, place: Place) -> bool:
        """Tell whether a tenant holds a place."""
        return place in self._held.get(key, ())

    def holders(self) -> list[Key]:
        """Return the tenants that hold something."""
        return list(self._held)

    def ends(self, claim: Claim) -> datetime | None:
        """Return when a claim no longer keeps anything out; None while it is held."""
        return claim.released + self._reserve if claim.released else None

    def obstacle(self, place: Place, key: Key, now: datetime, *, whole: bool) -> Claim | None:
        """Return the claim that keeps a tenant from a place, the oldest of several.

        Parameters
        ----------
        whole
            Whether the tenant's namespace must have the host alone.
        """
        near = {place, *place.above(), *self._below.get(place, ())}
        found = [
            claim
            for claim in self._standing(near, now)
            if claim.tenant != key
            and not (claim.released and claim.tenant.namespace == key.namespace)
        ]
        if not found and whole:
            by_age = (place for _, _, place in self._by_age.get(place.host, ()))
            first = next(self._standing(by_age, now), None)
            if first and first.tenant.namespace != key.namespace:
                return first
        return min(found, key=_age, default=None)

    def outlived(self, now: datetime) -> list[Claim]:
        """Return the claims that keep nothing out any more, or are more than may be reserved."""
        reserved: defaultdict[str, list[tuple[datetime, Claim]]] = defaultdict(list)
        found = []
        for claim in self._claims.values():
            ends = self.ends(claim)
            if ends is None:
                continue
            if ends <= now:
                found.append(claim)
            else:
                reserved[claim.tenant.namespace].append((ends, claim))
        for claims in reserved.values():
            surplus = len(claims) - MOST_RESERVED
            if surplus > 0:
                claims.sort(key=lambda pair: pair[0])
                found += [claim for _, claim in claims[:surplus]]
        return found

    def _standing(self, places: Iterable[Place], now: datetime) -> Iterator[Claim]:
        for place in places:
            claim = self._claims.get(place)
            if claim is None:
                continue
            ends = self.ends(claim)
            if ends is None or ends > now:
                yield claim


def _age(claim: Claim) -> _Age:
    return claim.since, claim.tenant, claim.place


def had_url(tenant: Tenant, where: Address) -> bool:
    """Tell from its status whether a tenant had the URL already; only an operator writes that."""
    exposed = tenant.status.condition(EXPOSED)
    return (
        exposed is not None
        and where.url is not None
        and tenant.status.tenant_url == where.url
        and exposed.reason != CONFLICT
    )


def seed(
    register: Register, tenants: Iterable[Tenant], settings: Settings, now: datetime
) -> list[Place]:
    """Claim for tenants without a claim what their statuses say they have, and then the rest.

    So nobody's URL goes to another tenant when there are no records yet, or no longer.

    Returns
    -------
    list[Place]
        What was claimed, and is not recorded.
    """
    found = []
    for tenant in sorted(tenants, key=lambda tenant: _seniority(tenant, settings)):
        where = derive_address(tenant, settings)
        place = Place.of(where)
        if place is None or register.holds(tenant.key, place):
            continue
        verdict = check_url(tenant, settings)
        old = had_url(tenant, where)
        # One that is paused has made no route since; whatever it has shows in its status.
        if (verdict.message and (verdict.is_lasting or not old)) or (tenant.is_paused and not old):
            continue
        whole = not old and not verdict.is_shared
        if register.obstacle(place, tenant.key, now, whole=whole):
            continue
        register.take(place, tenant.key, now, since=_since(tenant) if old else now)
        found.append(place)
    return found


def _since(tenant: Tenant) -> datetime:
    exposed = tenant.status.condition(EXPOSED)
    if exposed is not None and exposed.status == "True":
        return exposed.last_transition_time
    return tenant.created


def _seniority(tenant: Tenant, settings: Settings) -> tuple[int, datetime, Key]:
    if not had_url(tenant, derive_address(tenant, settings)):
        return 2, tenant.created, tenant.key
    return 0 if tenant.status.is_true(EXPOSED) else 1, _since(tenant), tenant.key


def refuse(verdict: UrlPermission) -> Hold:
    """Return the hold of a tenant that may not name its URL."""
    return Hold(
        is_routed=False,
        finding=Finding(
            is_good=False, reason=verdict.reason, message=verdict.message, outlook=Outlook.STALLED
        ),
    )


def keep_out(where: Address, obstacle: Claim, ends: datetime | None, settings: Settings) -> Hold:
    """Return the hold of a tenant whose URL another tenant has, or had."""
    place = Place.of(where)
    holder = f"{obstacle.tenant} ({obstacle.place})"
    near = place is not None and place.meets(obstacle.place)
    what = f"the Tenant URL {where.url}" if near else f"the host {where.host}"
    if obstacle.released:
        record = names.url_claim(settings.lease_name, *obstacle.place)
        return _out(
            "URLReserved",
            f"{what} was in use by tenant {holder}, to which Entra may still send users: it is "
            f"reserved for namespace {obstacle.tenant.namespace} for {settings.reserve_urls_for} "
            "after that; choose another spec.exposure.host or path, or have the administrator "
            f"delete the ConfigMap {record} in namespace {settings.namespace}",
            ends,
        )
    whose = "" if near else f", as its namespace {obstacle.tenant.namespace} used the host first"
    return _out(
        CONFLICT,
        f"{what} belongs to tenant {holder}{whose}: choose another spec.exposure.host"
        + (" or path" if near else ", or have it shared by the chart's exposure.allow"),
        ends,
    )


def _out(reason: str, message: str, due: datetime | None) -> Hold:
    finding = Finding(is_good=False, reason=reason, message=message, outlook=Outlook.STALLED)
    return Hold(is_routed=False, finding=finding, due=due)


def explain_unrecorded(tenant: Tenant, where: Address, problem: str, due: datetime) -> Hold:
    """Return the hold of a tenant whose claim cannot be read or written now."""
    old = had_url(tenant, where)
    effect = "the route stays as it is" if old else "the tenant is not exposed until it can"
    return Hold(
        is_routed=old,
        finding=Finding(
            # A tenant that is exposed must go on saying so: without records the statuses count.
            is_good=old,
            reason="ClaimNotRecorded",
            message=f"{problem}; {effect}",
            outlook=Outlook.STALLED,
        ),
        due=due,
    )
