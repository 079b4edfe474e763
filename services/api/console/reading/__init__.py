"""Queries of the pages: each reads what one page shows, in one transaction, and decides nothing."""
