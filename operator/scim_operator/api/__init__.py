"""The resource ScimTenant as users write and read it: names, models, conditions, the CRD.

Law: no I/O, no decisions. Everything else may import this package; it imports none of the others.
"""
