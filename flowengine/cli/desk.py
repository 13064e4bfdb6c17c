"""`desk`: who may sign in to an office's desk, and links into it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from flowengine.bus.memory import MemoryBus
from flowengine.cli.common import cannot, compiled_with_text, flow_files, settings_of_environment
from flowengine.cli.stored import WHO, note, with_store
from flowengine.desk import keys
from flowengine.desk.access import Access, Role
from flowengine.desk.links import revocation
from flowengine.flow.model import Flow
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import SUFFIXES
from flowengine.runtime.ports import Store
from flowengine.runtime.rows import DeskKey

REVOKED_FOR = timedelta(days=365)  # longer than any link holds
EVERY_LINE = 2**31 - 1  # of the trail: a link holds for weeks
ROLES: dict[bool, Role] = {False: "staff", True: "manager"}


@click.group(short_help="Let people in to an office's desk.")
def desk() -> None:
    """Who may sign in to an office's desk, and links into it."""


@desk.command()
@click.argument("flow")
@click.option("--name", required=True, help="Who it is for, as the record of accesses will say: 'Front desk'.")
@click.option("--departments", default="", help="Only these, by key, with commas between (default: all).")
@click.option("--manager", is_flag=True, help="May see the figures and what could not be delivered, too.")
def add(flow: str, name: str, departments: str, manager: bool) -> None:
    """Make a passphrase for the desk of an office. It is printed once and cannot be shown again."""
    settings, office = settings_of_environment(), _office(flow)
    chosen = tuple(filter(None, (key.strip() for key in departments.split(","))))
    if unknown := [key for key in chosen if key not in office.departments]:
        cannot(f"no department {', '.join(unknown)}; {office.key} has {', '.join(office.departments)}")
    passphrase = keys.passphrase()

    async def save(store: Store) -> DeskKey:
        secret = keys.secret(passphrase, await store.desk_keys(office.key))
        made, role = _now().isoformat(), ROLES[manager]
        key = DeskKey(secrets.token_hex(4), office.key, name, role, chosen, secret, made)
        await store.save_desk_key(key)
        may = f"{role}, {', '.join(chosen) or 'all departments'}"
        await note(store, "key made", office.key, f"key {key.id} for {name}: {may}")
        return key

    key = with_store(settings, save, new=True)
    click.echo(f"{passphrase}")
    where = f"{settings.desk_url}/desk/sign-in?office={office.key}"
    click.echo(f"{name} signs in at {where} with this passphrase. It is not kept; its id is {key.id}.", err=True)


@desk.command(name="list", short_help="Who may sign in.")
@click.argument("flow", required=False)
def list_(flow: str | None) -> None:
    """Who may sign in: id, office, role, departments, name; revoked ones too."""

    async def read(store: Store) -> Sequence[DeskKey]:
        return await store.desk_keys(_office(flow).key if flow else None)

    for key in with_store(settings_of_environment(), read):
        state = "revoked" if key.revoked else key.role
        click.echo("  ".join((key.id, key.flow, state, ",".join(key.departments) or "all", key.made[:10], key.name)))


@desk.command()
@click.argument("id_", metavar="ID")
def revoke(id_: str) -> None:
    """Take back a sign-in or a link by its id. Whoever came in by it is out within seconds."""

    async def take_back(store: Store) -> bool:
        keys = [key for key in await store.desk_keys() if key.id == id_]
        trail = [line.access for line in await store.accesses(limit=EVERY_LINE)]
        links = [access for access in trail if access.detail.startswith(f"link {id_},")]
        for key in keys:
            await store.revoke_desk_key(id_)
            await note(store, "key revoked", key.flow, f"key {id_}")
        for made in links:
            await store.revoke(revocation(id_), (_now() + REVOKED_FOR).isoformat())
            revoked = replace(made, at=_now().isoformat(), who=WHO, what="link revoked", detail=f"link {id_}")
            await store.note_access(revoked)
        return bool(keys or links)

    if not with_store(settings_of_environment(), take_back):
        cannot(f"nothing has the id {id_!r}; see flowengine desk list, and for links flowengine audit export")
    click.echo("revoked", err=True)


@desk.command()
@click.argument("where", metavar="FLOW|HANDOFF")
@click.option("--hours", type=click.FloatRange(0.1, 24 * 30), default=1.0, show_default=True, help="How long it works.")
def link(where: str, hours: float) -> None:
    """Make a link that opens an office's desk, or one hand-off, once."""
    settings = settings_of_environment()
    if not settings.lasting_secret:
        cannot("FLOWENGINE_SECRET_KEY is not set, so the running engine would not know this link as its own")
    if not settings.desk_url:
        cannot("set FLOWENGINE_DESK_URL or FLOWENGINE_PUBLIC_URL: a link needs an address")

    async def make(store: Store) -> str:
        access = Access(settings.secret_key, LoopClock(), MemoryBus(), settings.desk_url, store)
        card = await store.card(where)
        if card is not None:
            made = access.handoff_link(where, str(card["flow"]), hours * 3600, by=WHO)
        else:
            made = access.office_link(_office(where).key, hours * 3600, by=WHO)
        await access.close()
        return made

    click.echo(with_store(settings, make, new=True))


def _office(flow: str) -> Flow:
    """The flow of a key, or of a file; exits 2 when there is none."""
    if Path(flow).suffix in SUFFIXES:
        return compiled_with_text(flow)[0]
    named = [compiled_with_text(file)[0] for file in flow_files()]
    for each in named:
        if each.key == flow:
            return each
    cannot(f"no flow or hand-off {flow!r}; there are: {', '.join(each.key for each in named)}")


def _now() -> datetime:
    return datetime.now(UTC)
