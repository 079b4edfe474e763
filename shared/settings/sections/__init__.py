"""The sections of a site's settings, one file each: every setting declared once, with its groups and its checks."""
