"""Planning a run with a real database, from parts as the other services leave them."""
