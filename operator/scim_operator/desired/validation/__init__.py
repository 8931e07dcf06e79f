"""Checks of a stored spec beyond the CRD: parts that are not allowed, and parts that are unusable.

Law: pure functions of the spec and the settings. A rule that CEL can check is in `api.v1alpha1`;
this package checks tenants from before a rule, rules too costly for CEL, and the administrator's
limits.
"""
