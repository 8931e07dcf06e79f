"""The Kubernetes objects of a tenant, one file for each kind.

Law: a file builds the objects of one kind as pure functions of an `ObjectContext`, and imports
nothing of `desired` but URLs. What is in the cluster is compared with them in `desired.drift`.
"""
