"""Running Rollcall: health, doctor, metrics, backup, keys and support."""
