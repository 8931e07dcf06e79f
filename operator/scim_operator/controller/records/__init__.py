"""What the operator stores in the cluster for itself: its key, claims of URLs, marks on tenants.

Law: a record outlives the process that wrote it; later versions of the operator must read it.
"""
