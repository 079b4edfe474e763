"""The HTTP routes, one module per noun: each parses, calls one use case and gives back what came of it."""
