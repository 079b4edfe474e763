"""Signing in at an identity provider by OpenID Connect: ``provider`` speaks HTTP, ``tokens`` and ``claims`` decide (pure),
``people`` begins a sign-in, takes whoever comes back, and asks again.
"""
