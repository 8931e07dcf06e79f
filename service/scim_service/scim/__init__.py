"""The protocol core: the rules of SCIM 2.0 as pure functions on JSON values.

It knows no HTTP and no SQL, performs no I/O besides reading its own schemas, and depends on the
standard library only. It knows no client either: it does what the RFCs say, except for the named
`leniencies` that a resource type carries. The only exception that it raises on bad input is
`errors.ScimError`.
"""
