"""Serving: sockets, connections, and the tasks that run beside the requests."""
