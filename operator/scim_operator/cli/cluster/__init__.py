"""All I/O of the plugin with the cluster: the API server, and a tenant's service.

A module here turns an answer into an object of the operator's models or into a `ClusterError`,
whose message says what to do. Nothing here prints, asks the user, or judges a tenant.
"""
