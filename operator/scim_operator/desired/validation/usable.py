"""What of a spec no pod could run with, although it is stored. Pure.

The API server refuses most of it when it is written, but not in tenants from before that, and not
what needs more than a rule can see. Pods that run keep what they have until it is corrected.
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
    """Return the first problem; None if there is none, or no pod is wanted."""
    return None if spec.suspended else next(_faults(spec), None)


def _faults(spec: Spec) -> Iterator[Fault]:
    rest = "correct it; until then the pods stay as they are"
    if problem := schema_extensions.find_problem(spec.provisioning.schema_extensions):
        yield Fault(CONFIG_MAP, "SchemaExtensionInvalid", f"{problem}: {rest}")
    if problem := required_attributes.find_problem(spec.provisioning):
        yield Fault(CONFIG_MAP, "RequiredAttributeUnknown", f"{problem}; {rest}")
    for where, amount in _amounts(spec.resources or Resources()):
        number = quantities.parse(amount)
        if number is None or number < 0:
            yield Fault(
                DEPLOYMENT,
                "QuantityInvalid",
                f"{where} {amount} is no quantity, such as 256Mi, 1.5Gi, 500m or 1e9: {rest}",
            )


def _amounts(resources: Resources) -> Iterator[tuple[str, str]]:
    for name, amounts in (("requests", resources.requests), ("limits", resources.limits)):
        for key, amount in (amounts or {}).items():
            yield f"spec.resources.{name}[{key}]", amount
