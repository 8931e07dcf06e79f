"""Problems of pods, Deployments and volume claims, explained from what Kubernetes reports of them.

Law: no I/O. A module reads objects of the cluster only, and does not know which condition reports
the problem.
"""
