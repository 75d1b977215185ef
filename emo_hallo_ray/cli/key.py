"""`emo-hallo key`: an API key, and what the service has to know of it."""

import typer


def key() -> None:
    """Make an API key. Give the key to its user; only its hash goes into the configuration."""
    import secrets
    from hashlib import sha256

    made = secrets.token_urlsafe(32)
    typer.echo(f"key (shown only here): {made}")
    typer.echo(f"access.api_key_hashes: {sha256(made.encode()).hexdigest()}")
