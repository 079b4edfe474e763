"""People and their extensions on the wire."""
