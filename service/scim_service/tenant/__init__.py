"""All that one tenant needs: configuration, tokens, operations, activity, limits, metrics.

Law: no HTTP, no SQL, no global state. What belongs to the process is handed in: the work thread, a
share of the memory for large bodies, the database. So one process can have several tenants.
"""
