"""The room of the relay on the phone system's host: moves voicemails and recordings, which XAPI cannot do.

Empty for now. It will speak HTTP on port 8801, use neither Celery nor the shared database.
"""
