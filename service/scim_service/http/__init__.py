"""HTTP: requests in, responses out.

Law: everything that knows HTTP is here (paths, headers, media types, bodies, entity tags, status
codes of failures), and nothing that is done to users and groups. An endpoint reads a request, calls
an operation of the tenant and writes its result. No SQL, no sockets, no files.
"""
