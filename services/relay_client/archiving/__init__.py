"""Takes what an extension has to safety before it is deleted: by the relay, or recordings alone by XAPI.

Uses ``xapi``, and knows nothing of stages.
"""
