"""The API server: its client, its errors, its kinds of objects, the Lease.

Law: `client` alone sends requests. The other modules read what the API server
answered and do no I/O.
"""
