"""Tells people what needs attention: notices what has changed, and sends what the outbox holds. Knows neither end."""
