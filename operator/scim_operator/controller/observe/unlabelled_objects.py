"""Finds important objects that are not watched because they have lost their label."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.controller.observe.cache import Cache, has_label
from scim_operator.desired import faults
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import SECRET, VOLUME_CLAIM, Kind, Object


async def restore_labels(
    kube: KubeClient, cache: Cache, tenant: Tenant, seals: Seals
) -> classification.Children:
    """Restore the label of a tenant's token, digests and volume claim, so that they are watched.

    Without its digests, a token without a seal looks like a foreign one and is replaced. Without
    its claim, the data of the tenant looks lost.

    Returns
    -------
    classification.Children
        Unwatched objects with these names: foreign ones, and those that stay without the label.

    Raises
    ------
    ApiError, aiohttp.ClientError, TimeoutError, OSError
        The API server is unreachable or answers with a transient error.
    """
    key = tenant.key
    found: dict[tuple[Kind, str], Object] = {}
    is_issued = bool(tenant.status.tokens) and tenant.spec.token.existing_secret is None
    for kind, name, is_expected in (
        (SECRET, names.token_secret(key.name), is_issued),
        (SECRET, names.digest_secret(key.name), is_issued),
        (VOLUME_CLAIM, names.volume_claim(key.name), False),
    ):
        is_recorded = classification.record_name(kind, name) in tenant.status.objects
        if not (is_recorded or is_expected) or cache.get(kind, key.namespace, name):
            continue
        live = await kube.get(kind, key.namespace, name)
        if live is None:
            continue
        if not classification.classify(kind, live, tenant, seals).is_own:
            found[kind, name] = live
            continue
        try:
            labels = {"metadata": {"labels": names.labels(key.name)}}
            body = await kube.merge(kind, live, labels)
        except ApiError as error:
            # The apply of the object reports it.
            if faults.explain(error, kind, name, tenant) is None:
                raise
            found[kind, name] = live
            continue
        cache.put(kind, body)
        if not has_label(body):
            # The object is not lost. Its apply reports the missing label.
            found[kind, name] = body
    return found
