"""The activity of one tenant: logged writes and refusals, and when events last happened.

Law: a line has names and ids, never a value that a client sent. A write is logged in its own
transaction. Everything else is collected by `scim_service.tenant.activity` and saved together.
"""
