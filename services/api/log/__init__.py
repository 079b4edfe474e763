"""The Log: read, export, clear."""
