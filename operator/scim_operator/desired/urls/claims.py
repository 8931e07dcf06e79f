"""Decides which tenant has which Tenant URL, by claims in the order of their creation.

A claim is created before the route and outlives it: its tenant keeps the URL whatever other tenants
change, through restarts and restores. A released URL stays reserved for its namespace, because
Entra may continue to send the users of the old tenant there.
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
"""Maximum of URLs that are reserved for one namespace, so that its owner cannot fill the store."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One URL, and the tenant that has it or had it last.

    Attributes
    ----------
    since
        When the namespace claimed it.
    released
        When its tenant released it; None while the tenant has it.
    """

    place: Place
    tenant: Key
    since: datetime
    released: datetime | None = None

    def to_config_map(self, settings: Settings) -> Object:
        """Return the ConfigMap that stores the claim."""
        data = {
            "host": self.place.host,
            "path": self.place.path,
            "namespace": self.tenant.namespace,
            "name": self.tenant.name,
            "since": format_timestamp(self.since),
            # Present although empty, so that an apply clears it.
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
    def from_config_map(cls, record: Object) -> Self:
        """Read a claim from a ConfigMap.

        Raises
        ------
        KeyError, ValueError
            The ConfigMap is not one of `to_config_map`.
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
    """What a reconcile may do with the URL of its tenant.

    Attributes
    ----------
    is_routed
        Whether the tenant may have its route and show its URL.
    finding
        The finding of the condition Exposed; None if that depends on the route.
    note
        An addition to the message of the condition.
    due
        When time alone may change the hold.
    """

    is_routed: bool
    finding: Finding | None = None
    note: str = ""
    due: datetime | None = None


HELD = Hold(is_routed=True)


class Register:
    """All claims, indexed by place, host and tenant.

    Parameters
    ----------
    reserve
        How long a released claim keeps other namespaces out.
    """

    def __init__(self, reserve: timedelta) -> None:
        self._reserve = reserve
        self._claims: dict[Place, Claim] = {}
        self._below: defaultdict[Place, set[Place]] = defaultdict(set)
        self._held: defaultdict[Key, set[Place]] = defaultdict(set)
        self._by_age: defaultdict[str, list[_Age]] = defaultdict(list)

    def get(self, place: Place) -> Claim | None:
        """Return the claim on exactly that place."""
        return self._claims.get(place)

    def put(self, claim: Claim) -> None:
        """Add a claim, which replaces one on the same place."""
        self.remove(claim.place)
        self._claims[claim.place] = claim
        insort(self._by_age[claim.place.host], _sort_key(claim))
        for place in claim.place.list_above():
            self._below[place].add(claim.place)
        if claim.released is None:
            self._held[claim.tenant].add(claim.place)

    def take(self, place: Place, key: Key, now: datetime, since: datetime) -> Claim:
        """Claim a place without an obstacle; a namespace continues its own claim.

        Parameters
        ----------
        since
            Time of the claim if there is no earlier one.
        """
        known = next(self._list_valid((place,), now), None)
        if known is None or known.tenant.namespace != key.namespace:
            claim = Claim(place, key, since)
        else:
            claim = replace(known, tenant=key, released=None)
        self.put(claim)
        return claim

    def remove(self, place: Place) -> None:
        """Remove the claim on a place, if there is one."""
        claim = self._claims.pop(place, None)
        if claim is None:
            return
        ages = self._by_age[place.host]
        del ages[bisect_left(ages, _sort_key(claim))]
        if not ages:
            del self._by_age[place.host]
        for above in place.list_above():
            self._below[above].discard(place)
            if not self._below[above]:
                del self._below[above]
        self._held[claim.tenant].discard(place)
        if not self._held[claim.tenant]:
            del self._held[claim.tenant]

    def list_held(self, key: Key) -> list[Place]:
        """Return the places that a tenant holds."""
        return sorted(self._held.get(key, ()))

    def holds(self, key: Key, place: Place) -> bool:
        """Tell whether a tenant holds a place."""
        return place in self._held.get(key, ())

    def list_holders(self) -> list[Key]:
        """Return the tenants that hold a place."""
        return list(self._held)

    def find_end(self, claim: Claim) -> datetime | None:
        """Return when a claim no longer keeps other tenants out; None while it is held."""
        return claim.released + self._reserve if claim.released else None

    def find_obstacle(
        self, place: Place, key: Key, now: datetime, *, needs_host: bool
    ) -> Claim | None:
        """Return the oldest claim that keeps a tenant from a place; None if none does.

        Parameters
        ----------
        needs_host
            Whether the tenant's namespace must have the host for itself.
        """
        near = {place, *place.list_above(), *self._below.get(place, ())}
        found = [
            claim
            for claim in self._list_valid(near, now)
            if claim.tenant != key
            and not (claim.released and claim.tenant.namespace == key.namespace)
        ]
        if not found and needs_host:
            by_age = (place for _, _, place in self._by_age.get(place.host, ()))
            first = next(self._list_valid(by_age, now), None)
            if first and first.tenant.namespace != key.namespace:
                return first
        return min(found, key=_sort_key, default=None)

    def list_expired(self, now: datetime) -> list[Claim]:
        """Return the released claims that have expired or exceed `MOST_RESERVED`."""
        reserved: defaultdict[str, list[tuple[datetime, Claim]]] = defaultdict(list)
        found = []
        for claim in self._claims.values():
            ends = self.find_end(claim)
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

    def _list_valid(self, places: Iterable[Place], now: datetime) -> Iterator[Claim]:
        for place in places:
            claim = self._claims.get(place)
            if claim is None:
                continue
            ends = self.find_end(claim)
            if ends is None or ends > now:
                yield claim


def _sort_key(claim: Claim) -> _Age:
    return claim.since, claim.tenant, claim.place


def had_url(tenant: Tenant, address: Address) -> bool:
    """Tell whether a tenant had the URL, from its status, which only the operator writes."""
    exposed = tenant.status.condition(EXPOSED)
    return (
        exposed is not None
        and address.url is not None
        and tenant.status.tenant_url == address.url
        and exposed.reason != CONFLICT
    )


def seed(
    register: Register, tenants: Iterable[Tenant], settings: Settings, now: datetime
) -> list[Place]:
    """Claim URLs for tenants without a claim, first those that their statuses show.

    So no tenant loses its URL to another one when records do not exist yet, or were lost.

    Returns
    -------
    list[Place]
        The places that were claimed and are not recorded yet.
    """
    found = []
    for tenant in sorted(tenants, key=lambda tenant: _rank(tenant, settings)):
        address = derive_address(tenant, settings)
        place = Place.of(address)
        if place is None or register.holds(tenant.key, place):
            continue
        permission = check_url(tenant, settings)
        old = had_url(tenant, address)
        # A paused tenant creates no route; its status shows the one that it has.
        if (permission.message and (permission.is_lasting or not old)) or (
            tenant.is_paused and not old
        ):
            continue
        needs_host = not old and not permission.is_shared
        if register.find_obstacle(place, tenant.key, now, needs_host=needs_host):
            continue
        register.take(place, tenant.key, now, since=_find_claim_time(tenant) if old else now)
        found.append(place)
    return found


def _find_claim_time(tenant: Tenant) -> datetime:
    exposed = tenant.status.condition(EXPOSED)
    if exposed is not None and exposed.status == "True":
        return exposed.last_transition_time
    return tenant.created


def _rank(tenant: Tenant, settings: Settings) -> tuple[int, datetime, Key]:
    if not had_url(tenant, derive_address(tenant, settings)):
        return 2, tenant.created, tenant.key
    return 0 if tenant.status.is_true(EXPOSED) else 1, _find_claim_time(tenant), tenant.key


def refuse(permission: UrlPermission) -> Hold:
    """Return the hold of a tenant that may not name its URL."""
    return Hold(
        is_routed=False,
        finding=Finding(
            is_good=False,
            reason=permission.reason,
            message=permission.message,
            outlook=Outlook.STALLED,
        ),
    )


def keep_out(address: Address, obstacle: Claim, ends: datetime | None, settings: Settings) -> Hold:
    """Return the hold of a tenant whose URL another tenant has, or had."""
    place = Place.of(address)
    holder = f"{obstacle.tenant} ({obstacle.place})"
    near = place is not None and place.overlaps(obstacle.place)
    what = f"the Tenant URL {address.url}" if near else f"the host {address.host}"
    if obstacle.released:
        record = names.url_claim(settings.lease_name, *obstacle.place)
        return _build_hold(
            "URLReserved",
            f"{what} was in use by tenant {holder}, to which Entra may still send users: it is "
            f"reserved for namespace {obstacle.tenant.namespace} for {settings.reserve_urls_for} "
            "after that; choose another spec.exposure.host or path, or have the administrator "
            f"delete the ConfigMap {record} in namespace {settings.namespace}",
            ends,
        )
    whose = "" if near else f", as its namespace {obstacle.tenant.namespace} used the host first"
    return _build_hold(
        CONFLICT,
        f"{what} belongs to tenant {holder}{whose}: choose another spec.exposure.host"
        + (" or path" if near else ", or have it shared by the chart's exposure.allow"),
        ends,
    )


def _build_hold(reason: str, message: str, due: datetime | None) -> Hold:
    finding = Finding(is_good=False, reason=reason, message=message, outlook=Outlook.STALLED)
    return Hold(is_routed=False, finding=finding, due=due)


def explain_unrecorded(tenant: Tenant, address: Address, problem: str, due: datetime) -> Hold:
    """Return the hold of a tenant whose claim cannot be read or written now."""
    old = had_url(tenant, address)
    effect = "the route stays as it is" if old else "the tenant is not exposed until it can"
    return Hold(
        is_routed=old,
        finding=Finding(
            # The status of an exposed tenant must not change: without records the statuses count.
            is_good=old,
            reason="ClaimNotRecorded",
            message=f"{problem}; {effect}",
            outlook=Outlook.STALLED,
        ),
        due=due,
    )
