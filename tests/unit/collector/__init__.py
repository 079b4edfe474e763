"""The collector without a network."""
