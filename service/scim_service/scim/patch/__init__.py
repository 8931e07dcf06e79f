"""PATCH (RFC 7644 section 3.5.2): from a message to operations, from operations to a resource.

The `parser` checks all that does not depend on the resource, so that a bad request fails before
anything is read; `apply` works on canonical values only. Changes of members are taken out by
`members`, because the store keeps members as rows and not in the resource.
"""
