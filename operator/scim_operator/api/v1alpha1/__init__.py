"""The fields of a ScimTenant in version v1alpha1, one module for each part of the resource.

Law: models and CEL rules only. The models are the single source of the CRD (`api.crd`); a rule that
needs more than one field is a CEL rule, and its message states the reason and the remedy.
"""
