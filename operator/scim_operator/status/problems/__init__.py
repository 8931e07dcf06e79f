"""Problems of pods, Deployments and volume claims, explained from what Kubernetes reports of them.

Law: a module here reads objects of the cluster only. It does not know which condition reports the
problem.
"""
