"""What the operator knows about the cluster and the services: the cache, watches and reads.

Law: nothing here writes objects, but for a label that somebody has removed (`unlabelled`).
"""
