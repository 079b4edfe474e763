"""Servers that tests start for themselves: a domain controller, Redis."""
