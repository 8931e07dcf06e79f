"""Which Tenant URLs a tenant may name, by the CRD's rules and the administrator's. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

from scim_operator.api.tenant import Key, Tenant
from scim_operator.api.v1alpha1.exposure import HOST_RULES, PATH_RULES, Exposure, NameRule
from scim_operator.desired.urls.address import Address, derive_address, fill
from scim_operator.setting_types import ExposureRule
from scim_operator.settings import Settings


class Place(NamedTuple):
    """Host and path of a URL in the form in which they are compared.

    Hosts have no case. Paths have, but an ingress controller may match them without it, so two
    that differ only in case count as one.
    """

    host: str
    path: str

    @classmethod
    def of(cls, where: Address) -> Self | None:
        """Return the place of an exposed address; None if it has none outside the cluster."""
        if not where.is_exposed or where.host is None:
            return None
        return cls(where.host.lower().rstrip("."), where.path.lower())

    def above(self) -> list[Place]:
        """Return the places whose routes would lead here as well, the nearest first."""
        found = []
        path = self.path
        while path := path.rpartition("/")[0]:
            found.append(Place(self.host, path))
        return found

    def meets(self, other: Place) -> bool:
        """Tell whether a request may belong to both: they are equal, or one is above the other."""
        return self == other or self in other.above() or other in self.above()

    def __str__(self) -> str:
        return f"https://{self.host}{self.path}"


@dataclass(frozen=True, slots=True)
class UrlPermission:
    """Whether a tenant may name its URL.

    Attributes
    ----------
    reason, message
        Why not, for programs and people; empty if it may.
    is_lasting
        Whether that ends a URL that the tenant has already: what the administrator or the CRD
        says does, a default of the operator does not.
    is_shared
        Whether other namespaces may have other paths of the host.
    """

    reason: str = ""
    message: str = ""
    is_lasting: bool = True
    is_shared: bool = False


def check_url(tenant: Tenant, settings: Settings) -> UrlPermission:
    """Judge the URL of an exposed tenant."""
    if sentence := _impossible(tenant.spec.exposure, settings):
        return UrlPermission("InvalidURL", f"spec.exposure cannot be a Tenant URL: {sentence}")
    place = Place.of(derive_address(tenant, settings))
    if place is None:
        return UrlPermission()
    platform = _default(tenant.key, settings)
    is_default = place == platform
    if not is_default and not settings.tenants_may_name:
        return UrlPermission(
            "NotAllowed",
            f"a tenant may name no host or path here: omit spec.exposure.host and path to have "
            f"{platform}, or have the chart's exposure.tenantsMayName set",
        )
    foreign = _foreign_gateways(tenant)
    rules: Sequence[ExposureRule] = ()
    if settings.exposure_rules and (foreign or not is_default):
        named = None if is_default else place
        rules = [
            rule for rule in settings.exposure_rules if _admits(rule, tenant.key, named, foreign)
        ]
        if not rules:
            return UrlPermission("NotAllowed", _not_admitted(tenant.key, named, foreign))
    if any(rule.paths for rule in rules):
        return UrlPermission(is_shared=True)
    return _judge_by_default(tenant.key, place, platform, settings)


def _judge_by_default(key: Key, place: Place, platform: Place, settings: Settings) -> UrlPermission:
    template = settings.default_host.lower()
    is_common = "{" not in template
    if place == platform:
        return UrlPermission(is_shared=is_common)
    if not template or not _stands_for(template).fullmatch(place.host):
        return UrlPermission()
    own = f"/{key.namespace}"
    if place.host == platform.host and (place.path == own or place.path.startswith(f"{own}/")):
        return UrlPermission(is_shared=is_common)
    return UrlPermission(
        "NotAllowed",
        f"{place} is the platform's own host: there, tenants of namespace {key.namespace} have "
        f"{platform} and paths under https://{platform.host}{own}/; choose one of them or another "
        "host, or have a rule with paths added to the chart's exposure.allow",
        is_lasting=False,
    )


def _default(key: Key, settings: Settings) -> Place:
    host = fill(settings.default_host, key).lower().rstrip(".")
    return Place(host, fill(settings.default_path, key).lower())


def _impossible(exposure: Exposure, settings: Settings) -> str:
    """Say what is wrong with a name, which may be stored from before the CRD refused it."""
    host, path = exposure.host, exposure.path
    inside = settings.cluster_domain.lower()
    if host and (host == inside or host.endswith(f".{inside}")):
        return f"host is a name inside the cluster, whose domain is {inside}: set the public name"
    checks: tuple[tuple[str | None, tuple[NameRule, ...]], ...] = (
        (host, HOST_RULES),
        (path, PATH_RULES),
    )
    for name, rules in checks:
        for rule in rules:
            if name and not rule.admits(name):
                return rule.message
    return ""


def _foreign_gateways(tenant: Tenant) -> list[str]:
    """Return the Gateways of other namespaces that a tenant names, as namespace/name."""
    gateway = tenant.spec.exposure.gateway
    own = tenant.key.namespace
    return [
        f"{parent.namespace}/{parent.name}"
        for parent in (gateway.parent_refs if gateway else ())
        if parent.namespace not in (None, own)
    ]


def _admits(rule: ExposureRule, key: Key, place: Place | None, gateways: Sequence[str]) -> bool:
    if not _fits(key.namespace, rule.namespaces, key):
        return False
    if place and not (_fits(place.host, rule.hosts, key) and _fits(place.path, rule.paths, key)):
        return False
    return all(_fits(gateway, rule.gateways, key) for gateway in gateways)


def _fits(text: str, patterns: Sequence[str] | None, key: Key) -> bool:
    """Tell whether one of the patterns fits; no patterns set no limit."""
    if patterns is None:
        return True
    return any(
        _stands_for(pattern.lower().replace("{namespace}", key.namespace)).fullmatch(text)
        for pattern in patterns
    )


def _not_admitted(key: Key, place: Place | None, gateways: Sequence[str]) -> str:
    named = [str(place)] if place else []
    named += [f"the Gateway {gateway}" for gateway in gateways]
    return (
        f"no rule of the chart's exposure.allow lets namespace {key.namespace} name "
        f"{' with '.join(named)}: choose what is allowed, or have a rule added"
    )


@lru_cache(maxsize=1024)
def _stands_for(pattern: str) -> re.Pattern[str]:
    """Compile a pattern; one of the operator's defaults stands for what may be filled in."""
    parts = re.split(r"([*]|\{namespace\}|\{name\})", pattern)
    return re.compile(
        "".join(
            ".*" if part == "*" else "[^.]+" if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )
