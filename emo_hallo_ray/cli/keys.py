"""`emo-hallo keys`: make API keys. The service keeps hashes only, so a key is shown once, here."""

import secrets
from hashlib import sha256

import typer

from emo_hallo_ray.cli.terminal import note

keys_app = typer.Typer(
    name="keys", help="Make API keys for the service.", no_args_is_help=True, rich_markup_mode="markdown"
)


@keys_app.callback()
def keys() -> None:
    """A callback keeps the word `new` in the command, although it is the only one."""


@keys_app.command()
def new() -> None:
    """Make a key: give it to a caller, and its hash to the service.

    Prints the key, then the setting for **serve_config.yaml**; list the hashes of several keys with commas. The key is
    256 random bits and is kept nowhere.
    """
    key = f"ehr_{secrets.token_urlsafe(32)}"
    typer.echo(key)
    note("for the caller, as 'Authorization: Bearer <key>' or in EMO_HALLO_API_KEY; it cannot be shown again", "dim")
    typer.echo(f'access: {{api_key_hashes: ["{sha256(key.encode()).hexdigest()}"]}}')
    note("for the service, under args in serve_config.yaml", "dim")
