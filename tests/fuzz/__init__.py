"""Coverage-guided fuzzing of what reads a client's text; not part of the everyday suite."""
