"""Both programs on a real node: Helm installs, tenants are applied, Entra's traffic arrives."""
