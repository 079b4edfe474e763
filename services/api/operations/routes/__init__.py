"""The API's health and metrics."""
