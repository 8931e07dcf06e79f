"""What the operator knows about the cluster and the services: the cache, watches and reads.

Law: nothing here writes objects, except a label that another client has removed (`unlabelled`).
"""
