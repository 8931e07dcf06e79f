"""How the plugin reaches the API server and a tenant."""
