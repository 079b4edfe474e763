"""``/api/v1``: configuration, runs and log over HTTP, and the use cases that the command line shares.

Writes: ``settings``, ``runs`` (new, approved, rejected, cancelled), ``audit``, ``api_tokens``, ``events``.
Never: speaks to a directory or a phone system itself; it asks the collector and the relay client.
"""
