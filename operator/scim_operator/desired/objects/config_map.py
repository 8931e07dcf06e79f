"""The ConfigMap of a tenant, with ``config.json`` (``docs/contract.md`` section 1)."""

from __future__ import annotations

import hashlib
import json

from scim_operator.api import names
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.kube.kinds import CONFIG_MAP, Object

FILE = "config.json"


def render_config(context: ObjectContext) -> str:
    """Return the text of ``config.json``."""
    tenant = context.tenant
    # The rate limit is an environment variable: here it would restart all tenants without one.
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


def hash_config(context: ObjectContext) -> str:
    """Return the digest of ``config.json`` that the pod carries, so that a change restarts it."""
    return hashlib.sha256(render_config(context).encode()).hexdigest()[:16]


def build(context: ObjectContext) -> Object:
    """Build the ConfigMap."""
    return {
        **build_head(CONFIG_MAP),
        "metadata": context.build_metadata(names.config(context.tenant.key.name)),
        "data": {FILE: render_config(context)},
    }


BUILDER = Builder(CONFIG_MAP, names.config, build)
