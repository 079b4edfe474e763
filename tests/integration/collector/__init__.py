"""The collector against a real domain controller."""
