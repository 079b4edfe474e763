"""Starts what is due and publishes again what waits, both called by beat; deletes what is kept long enough. Knows neither end."""
