"""Other people's suites against the service, each with its known deviations and their reasons."""
