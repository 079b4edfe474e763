"""What the HTTP API takes and gives, as pydantic models with an example each. Nothing below the routes knows them."""
