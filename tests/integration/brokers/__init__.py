"""The same work on each broker, run for real on private loopback ports."""
