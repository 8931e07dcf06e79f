"""A real Kubernetes on one Linux machine, built from pinned source, for tests and the demo.

There are two of them. `ControlPlane` is an API server without nodes that a test session starts for
itself. The node (`python -m tests.cluster up`) runs Pods too, in namespaces of its own, as root.
"""

from .control_plane import ControlPlane
from .errors import ClusterError

__all__ = ["ClusterError", "ControlPlane"]
