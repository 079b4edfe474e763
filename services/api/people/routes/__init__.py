"""The API's operations on people."""
