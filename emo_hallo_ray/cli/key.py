"""`emo-hallo key`: an API key, and what the service has to know of it."""

import typer

from emo_hallo_ray.cli.terminal import note


def key() -> None:
    """Make an API key. Give the key to its user; only its hash goes into the configuration.

    Prints the key, then the setting for **serve_config.yaml**, where the hashes of several keys are listed with commas.
    The key is 256 random bits and is kept nowhere.
    """
    import secrets
    from hashlib import sha256

    made = secrets.token_urlsafe(32)
    typer.echo(made)
    note("for the caller, as 'Authorization: Bearer <key>' or in EMO_HALLO_API_KEY; it cannot be shown again", "dim")
    typer.echo(f'access: {{api_key_hashes: ["{sha256(made.encode()).hexdigest()}"]}}')
    note("for the service, under args in serve_config.yaml", "dim")
