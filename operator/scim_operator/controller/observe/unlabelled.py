"""Objects that a tenant's data depends on and that are not seen, because they lack the label."""

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


async def find(
    kube: KubeClient, cache: Cache, tenant: Tenant, seals: Seals
) -> classification.Children:
    """Have token, digests and volume claim watched again if only their label was taken away.

    Without the digests a token without its seal cannot be told from a stranger's, and is replaced;
    without the claim the data would count as lost.

    Returns
    -------
    ownership.Children
        Others' objects, made without the label in the place of those that are gone.

    Raises
    ------
    ApiError, aiohttp.ClientError, TimeoutError, OSError
        The API server cannot be reached or puts the pass off; trying again may help.
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
        except ApiError as refusal:
            # Told when they are written.
            if faults.explain(refusal, kind, name, tenant) is None:
                raise
            found[kind, name] = live
            continue
        cache.put(kind, body)
        if not has_label(body):
            # Told when it is written; it is no loss.
            found[kind, name] = body
    return found
