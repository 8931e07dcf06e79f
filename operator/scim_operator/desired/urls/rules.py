"""Checks whether a tenant may name its Tenant URL, by the CRD and the administrator."""

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

    Hosts ignore case. Paths do not, but an ingress controller may ignore it, so two paths that
    differ only in case count as one.
    """

    host: str
    path: str

    @classmethod
    def of(cls, address: Address) -> Self | None:
        """Return the place of an exposed address; None for an address inside the cluster."""
        if not address.is_exposed or address.host is None:
            return None
        return cls(address.host.lower().rstrip("."), address.path.lower())

    def list_above(self) -> list[Place]:
        """Return the places whose routes lead here as well, the nearest first."""
        found = []
        path = self.path
        while path := path.rpartition("/")[0]:
            found.append(Place(self.host, path))
        return found

    def overlaps(self, other: Place) -> bool:
        """Tell whether a request may match both: they are equal, or one is above the other."""
        return self == other or self in other.list_above() or other in self.list_above()

    def __str__(self) -> str:
        return f"https://{self.host}{self.path}"


@dataclass(frozen=True, slots=True)
class UrlPermission:
    """Tells whether a tenant may name its URL, or why not.

    Attributes
    ----------
    reason, message
        Why it may not, for programs and people; empty if it may.
    is_lasting
        Whether the tenant loses a URL that it has: a rule of the administrator or the CRD takes it,
        a default of the operator does not.
    is_shared
        Whether other namespaces may have other paths of the host.
    """

    reason: str = ""
    message: str = ""
    is_lasting: bool = True
    is_shared: bool = False


def check_url(tenant: Tenant, settings: Settings) -> UrlPermission:
    """Check the URL of an exposed tenant."""
    if sentence := _find_problem(tenant.spec.exposure, settings):
        return UrlPermission("InvalidURL", f"spec.exposure cannot be a Tenant URL: {sentence}")
    place = Place.of(derive_address(tenant, settings))
    if place is None:
        return UrlPermission()
    platform = _build_default(tenant.key, settings)
    is_default = place == platform
    if not is_default and not settings.tenants_may_name:
        return UrlPermission(
            "NotAllowed",
            f"a tenant may name no host or path here: omit spec.exposure.host and path to have "
            f"{platform}, or have the chart's exposure.tenantsMayName set",
        )
    foreign = _list_foreign_gateways(tenant)
    rules: Sequence[ExposureRule] = ()
    if settings.exposure_rules and (foreign or not is_default):
        named = None if is_default else place
        rules = [
            rule for rule in settings.exposure_rules if _admits(rule, tenant.key, named, foreign)
        ]
        if not rules:
            return UrlPermission("NotAllowed", _explain_not_admitted(tenant.key, named, foreign))
    if any(rule.paths for rule in rules):
        return UrlPermission(is_shared=True)
    return _check_against_default(tenant.key, place, platform, settings)


def _check_against_default(
    key: Key, place: Place, platform: Place, settings: Settings
) -> UrlPermission:
    template = settings.default_host.lower()
    is_common = "{" not in template
    if place == platform:
        return UrlPermission(is_shared=is_common)
    if not template or not _compile(template).fullmatch(place.host):
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


def _build_default(key: Key, settings: Settings) -> Place:
    host = fill(settings.default_host, key).lower().rstrip(".")
    return Place(host, fill(settings.default_path, key).lower())


def _find_problem(exposure: Exposure, settings: Settings) -> str:
    """Return the problem of a host or path that was stored before the CRD had the rule."""
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


def _list_foreign_gateways(tenant: Tenant) -> list[str]:
    """Return the Gateways of other namespaces that a tenant names, as namespace/name."""
    gateway = tenant.spec.exposure.gateway
    own = tenant.key.namespace
    return [
        f"{parent.namespace}/{parent.name}"
        for parent in (gateway.parent_refs if gateway else ())
        if parent.namespace not in (None, own)
    ]


def _admits(rule: ExposureRule, key: Key, place: Place | None, gateways: Sequence[str]) -> bool:
    if not _matches(key.namespace, rule.namespaces, key):
        return False
    if place and not (
        _matches(place.host, rule.hosts, key) and _matches(place.path, rule.paths, key)
    ):
        return False
    return all(_matches(gateway, rule.gateways, key) for gateway in gateways)


def _matches(text: str, patterns: Sequence[str] | None, key: Key) -> bool:
    """Tell whether a text matches one of the patterns; None matches every text."""
    if patterns is None:
        return True
    return any(
        _compile(pattern.lower().replace("{namespace}", key.namespace)).fullmatch(text)
        for pattern in patterns
    )


def _explain_not_admitted(key: Key, place: Place | None, gateways: Sequence[str]) -> str:
    named = [str(place)] if place else []
    named += [f"the Gateway {gateway}" for gateway in gateways]
    return (
        f"no rule of the chart's exposure.allow lets namespace {key.namespace} name "
        f"{' with '.join(named)}: choose what is allowed, or have a rule added"
    )


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern or a default, whose fields match any name."""
    parts = re.split(r"([*]|\{namespace\}|\{name\})", pattern)
    return re.compile(
        "".join(
            ".*" if part == "*" else "[^.]+" if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )
