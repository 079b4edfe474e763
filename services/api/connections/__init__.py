"""Whether directory, phone system, relay and database answer, and what they hold."""
