"""One module per page: each parses, calls a use case or a small query, and renders."""
