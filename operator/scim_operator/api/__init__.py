"""The interfaces of the operator: the resource ScimTenant, its CRD, names, and the service status.

Law: data and its validation only; no I/O, no decisions. Every other package may import this one;
it imports none of them.
"""
