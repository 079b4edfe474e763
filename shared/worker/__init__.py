"""The Celery app and what every task shares. Pure modules must not import it."""
