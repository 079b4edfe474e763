"""The console's pages of accounts and of signing in."""
