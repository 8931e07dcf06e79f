"""The protocol core: what SCIM 2.0 says, as pure functions on JSON values.

It knows no HTTP and no SQL, performs no I/O besides reading its own schemas, and depends on the
standard library only. The one exception it raises on bad input is `errors.ScimError`.
"""
