"""Builders of domain values for tests: sensible defaults, changed by keyword."""
