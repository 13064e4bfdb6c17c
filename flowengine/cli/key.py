"""`key`: a new key for the environment."""

from __future__ import annotations

import base64
import secrets

import click
from cryptography.fernet import Fernet

MAKE = {
    "encryption": lambda: Fernet.generate_key().decode(),
    "webhook": lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
    "secret": lambda: secrets.token_urlsafe(32),
}


@click.command()
@click.argument("kind", type=click.Choice(list(MAKE)), default="encryption")
def key(kind: str) -> None:
    """Print a new key: for FLOWENGINE_ENCRYPTION_KEY, a webhook's receivers, or FLOWENGINE_SECRET_KEY."""
    click.echo(MAKE[kind]())
