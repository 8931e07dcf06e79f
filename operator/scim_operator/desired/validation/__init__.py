"""Checks of a stored spec beyond the CRD: parts that are not allowed, and parts that are unusable.

Law: pure functions of the spec and the settings. What the CRD can reject is a rule in
`api.v1alpha1`; this package covers older tenants, rules too costly for CEL, and the
administrator's limits.
"""
