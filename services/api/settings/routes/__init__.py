"""The API's operations on settings."""
