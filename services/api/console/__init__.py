"""The console: pages for administrators, rendered here from the same use cases that the API calls.

Reads through small query functions (``reading``), writes only through use cases. Owns the tables ``accounts``,
``console_sessions``, ``sign_in_attempts`` and ``setup_links`` (``access``). Never: loads anything from another host,
needs JavaScript for more than comfort, or shows a stored text as markup.
"""
