"""What the operator knows of the cluster and of the services: the cache and what fills it."""
