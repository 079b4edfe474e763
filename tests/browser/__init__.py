"""The console as people see it: Debian's Chromium, driven by Playwright, against the real application."""
