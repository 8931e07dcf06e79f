"""The API server: its client, its errors, its kinds of objects, the Lease.

Law: `transport` alone sends requests, on behalf of `client`; `lease` uses the client. The other
modules interpret the answers of the API server and do no I/O.
"""
