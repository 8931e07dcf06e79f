"""Parts of a stored spec that would keep a pod from starting.

The API server rejects most of them on write, but not in tenants that were stored before the rule,
and not those that a CEL rule cannot check. Running pods stay unchanged until the spec is correct.
"""

from __future__ import annotations

from collections.abc import Iterator

from scim_operator import quantities
from scim_operator.api.v1alpha1.pod import Resources
from scim_operator.api.v1alpha1.spec import Spec
from scim_operator.desired.faults import Fault
from scim_operator.desired.validation import required_attributes, schema_extensions
from scim_operator.kube.kinds import CONFIG_MAP, DEPLOYMENT


def find_fault(spec: Spec) -> Fault | None:
    """Return the first problem; None if there is none, or if the tenant is suspended."""
    return None if spec.suspended else next(_find_faults(spec), None)


def _find_faults(spec: Spec) -> Iterator[Fault]:
    remedy = "correct it; until then the pods stay unchanged"
    if problem := schema_extensions.find_problem(spec.provisioning.schema_extensions):
        yield Fault(CONFIG_MAP, "SchemaExtensionInvalid", f"{problem}: {remedy}")
    if problem := required_attributes.find_problem(spec.provisioning):
        yield Fault(CONFIG_MAP, "RequiredAttributeUnknown", f"{problem}; {remedy}")
    for field, amount in _list_amounts(spec.resources or Resources()):
        number = quantities.parse(amount)
        if number is None or number < 0:
            yield Fault(
                DEPLOYMENT,
                "QuantityInvalid",
                f"{field} {amount} is not a quantity such as 256Mi, 1.5Gi, 500m or 1e9: {remedy}",
            )


def _list_amounts(resources: Resources) -> Iterator[tuple[str, str]]:
    for name, amounts in (("requests", resources.requests), ("limits", resources.limits)):
        for key, amount in (amounts or {}).items():
            yield f"spec.resources.{name}[{key}]", amount
