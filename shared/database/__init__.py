"""The shared database: tables, sessions, migrations, leases and the small stores several services use."""
