"""Storing and checking a logo."""
