"""The process: sockets, connections, signals, and the tasks that run beside the requests.

Law: this is the only package that opens ports, handles signals and starts endless tasks. It knows
nothing of users and groups.
"""
