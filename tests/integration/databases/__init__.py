"""What is not the same on SQLite, PostgreSQL and SQL Server: migrations, races, failures, the two dialects of SQL."""
