"""The API's tests of connections."""
