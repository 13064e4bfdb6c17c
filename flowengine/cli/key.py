"""`key`: a new key for the environment, and changing to it."""

from __future__ import annotations

import base64
import secrets

import click
from cryptography.fernet import Fernet

from flowengine.cli.common import cannot, settings_of_environment
from flowengine.cli.stored import note, with_store
from flowengine.store import SqlStore
from flowengine.store.rotation import Rotated

MAKE = {
    "encryption": lambda: Fernet.generate_key().decode(),
    "webhook": lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
    "secret": lambda: secrets.token_urlsafe(32),
}


@click.command(short_help="Print a new key, or change to it.")
@click.argument("kind", type=click.Choice([*MAKE, "rotate"]), default="encryption")
def key(kind: str) -> None:
    """Print a new key: for FLOWENGINE_ENCRYPTION_KEY, a webhook's receivers, or FLOWENGINE_SECRET_KEY.

    `rotate` encrypts what is kept with the first key of FLOWENGINE_ENCRYPTION_KEY, so that the others can be left out.
    """
    if kind != "rotate":
        click.echo(MAKE[kind]())
        return
    settings = settings_of_environment()
    if not settings.encryption_key:
        cannot("there is no key to encrypt with: set FLOWENGINE_ENCRYPTION_KEY, the new key first")
    rotated = with_store(settings, _rotate)
    click.echo(f"{rotated.anew} texts encrypted with the first key")
    if rotated.unreadable:
        click.echo(f"{rotated.unreadable} texts cannot be read with any of the keys; they are as they were", err=True)
    raise SystemExit(1 if rotated.unreadable else 0)


async def _rotate(store: SqlStore) -> Rotated:
    """It is noted in every trail, which gives it the seal of today's key, too."""
    rotated = await store.encrypt_anew()
    for flow in await store.flows():
        await note(store, "key changed", flow, f"{rotated.anew} texts encrypted with the first key")
    return rotated
