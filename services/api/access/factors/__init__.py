"""Second factors of accounts: ``apps`` (TOTP), ``passkeys`` (WebAuthn) and ``recovery`` codes; ``owned`` keeps them."""
