"""Accounts, tokens and the audit, and the pages somebody signs in by."""
