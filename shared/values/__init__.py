"""What values from either end look like once they are clean. Pure: text in, text out, no settings and no network."""
