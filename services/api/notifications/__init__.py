"""Notifications on their way: what was sent, what waits, and what could not be sent."""
