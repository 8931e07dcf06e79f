"""How an object in the cluster differs from the desired one, and who changed it."""
