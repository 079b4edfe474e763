"""Reading and saving settings."""
