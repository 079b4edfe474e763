"""What two services must agree on: domain types, messages, tables, settings, errors and the Celery app.

Admits only what at least two services use, or a contract between them. Imports no service.
"""
