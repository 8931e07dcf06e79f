"""What happened to one tenant: logged writes and refusals, hourly counters, last times."""
