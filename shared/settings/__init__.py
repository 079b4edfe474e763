"""Settings: of the processes (environment) and of the sites (versioned documents in the database)."""
