"""The life of a run, agreed between the services: starting, claiming its parts, and what is due next."""
