"""Questions to the workers and to a database."""
