"""Which attributes exist: schemas, resource types and the registry of both (RFC 7643).

The schemas are data: each JSON file beside these modules is a SCIM schema document, and a tenant's
own extensions have the same form. All other packages of the core ask the registry, so that a new
attribute is a line in a data file. This package knows no values and no requests.
"""
