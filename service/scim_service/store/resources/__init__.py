"""The users and groups of one tenant: how they are read, locked, changed and logged."""
