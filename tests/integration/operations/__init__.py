"""What keeps a deployment healthy for years: sites, backups, keys, retention, upgrades."""
