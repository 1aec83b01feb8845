"""Purchase orders by e-mail."""
