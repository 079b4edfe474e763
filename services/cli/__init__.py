"""The command ``rollcall``: starts the services in one process (``up``, ``demo``) and runs the API's use cases.

Never: holds a business rule of its own.
"""
