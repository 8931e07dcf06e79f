"""The Kubernetes objects of a tenant, one file for each kind.

Law: a builder is a pure function from an `ObjectContext` to the object, or to None.
"""
