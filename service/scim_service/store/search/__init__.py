"""How filters, orders and pages become SQL."""
