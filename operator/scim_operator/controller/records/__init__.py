"""What the operator stores in the cluster for itself: its key, URL claims, marks."""
