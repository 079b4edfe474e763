"""The one engine of work: transition tables, claims with a heartbeat and a bounded number of expiries, and leases."""
