"""The API's operations on runs."""
