"""The ConfigMap with ``config.json``, the first part of the contract with the service."""

from __future__ import annotations

import hashlib
import json

from scim_operator.api import names
from scim_operator.desired.objects.context import ObjectContext, head
from scim_operator.kube.kinds import CONFIG_MAP, Object

FILE = "config.json"


def content(context: ObjectContext) -> str:
    """Return the text of ``config.json``."""
    tenant = context.tenant
    # The rate limit is a setting of the process, and would otherwise restart all that have none.
    provisioning = tenant.spec.provisioning.model_dump(
        mode="json", by_alias=True, exclude={"rate_limit"}
    )
    configuration = {
        "tenant": str(tenant.key),
        "basePath": context.address.path,
        "tenantURL": context.url,
        "provisioning": provisioning,
    }
    return json.dumps(configuration, ensure_ascii=False, indent=2)


def content_digest(context: ObjectContext) -> str:
    """Return a digest of ``config.json``; the pod carries it, so that a change restarts it."""
    return hashlib.sha256(content(context).encode()).hexdigest()[:16]


def build(context: ObjectContext) -> Object:
    """Build the ConfigMap."""
    return {
        **head(CONFIG_MAP),
        "metadata": context.metadata(names.config(context.tenant.key.name)),
        "data": {FILE: content(context)},
    }
