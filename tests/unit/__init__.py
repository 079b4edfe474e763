"""Tests without input or output beyond a temporary folder."""
