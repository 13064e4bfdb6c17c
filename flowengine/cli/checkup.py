"""What `doctor` looks at without Twilio and AssemblyAI: settings, phones, the database, hold music, the mail server."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from flowengine.desk.mail import Mail
from flowengine.desk.webhooks import webhook_secrets
from flowengine.flow.model import Flow
from flowengine.flow.needs import posts, private_fields, sends_mail
from flowengine.flow.read import assigned
from flowengine.runtime.addresses import is_public
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.musicbox import MusicBox
from flowengine.settings import Settings, SettingsError
from flowengine.store.condition import condition
from flowengine.store.vault import Vault

State = Literal["ok", "problem", "not checked", "reminder"]
LEAST_SECRET = 32  # characters: what `flowengine key secret` prints has 43
DATABASE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, in words, and what to do about it ("" where nothing is to be done)."""

    area: str
    state: State
    says: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """The installation that is looked at. `environment` as it is given, before anything is filled in for it."""

    settings: Settings
    environment: Mapping[str, str]
    flows: tuple[Flow, ...]


Check = Callable[[Patient], AsyncIterator[Finding]]


def ok(area: str, says: str) -> Finding:
    return Finding(area, "ok", says)


def problem(area: str, says: str, help: str) -> Finding:
    return Finding(area, "problem", says, help)


# ---- settings --------------------------------------------------------------------------------------------------------

# setting · what it must look like · where to find it
_KEYS: tuple[tuple[str, str, str], ...] = (
    (
        "TWILIO_ACCOUNT_SID",
        r"AC[0-9a-f]{32}",
        "it stands on the first page of the Twilio console: AC and 32 characters",
    ),
    ("TWILIO_AUTH_TOKEN", r"[0-9a-f]{32}", "it stands on the first page of the Twilio console, below the account's id"),
    ("ASSEMBLYAI_API_KEY", r"\S{16,}", "it stands under API keys on AssemblyAI's dashboard"),
)


_WEBHOOK_KEY = "make one with  flowengine key webhook  and give it to the receivers"


async def keys(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the keys are there and look like keys; whether they open anything is asked of those who gave them."""
    for name, shape, help in _KEYS:
        value = patient.environment.get(name, "")
        if not value:
            yield problem("keys", f"{name} is not set", help)
        elif not re.fullmatch(shape, value):
            yield problem("keys", f"{name} does not look like one", help)
        else:
            yield ok("keys", f"{name} looks right")


async def secret_key(patient: Patient) -> AsyncIterator[Finding]:
    """What links, sign-ins and streams are signed with."""
    given, help = patient.environment.get("FLOWENGINE_SECRET_KEY", ""), "make one with  flowengine key secret"
    if not given:
        said = "FLOWENGINE_SECRET_KEY is not set: with every start all links and sign-ins to the desk end"
        yield problem("secret key", said, help)
    elif len(given) < LEAST_SECRET:
        yield problem("secret key", f"FLOWENGINE_SECRET_KEY has fewer than {LEAST_SECRET} characters", help)
    else:
        yield ok("secret key", "is set")
    try:
        webhook_secrets(patient.settings)
    except SettingsError as mistake:
        yield problem("secret key", str(mistake), _WEBHOOK_KEY)
    posting = [flow.office.name for flow in patient.flows if posts(flow)]
    if posting and not patient.settings.webhook_secrets:
        said = f"{', '.join(posting)} posts to other systems, which cannot know our signature: "
        yield Finding("secret key", "reminder", f"{said}FLOWENGINE_WEBHOOK_SECRETS is not set", _WEBHOOK_KEY)


async def encryption(patient: Patient) -> AsyncIterator[Finding]:
    """Whether what callers say is encrypted where it is kept, which fields marked private ask for."""
    try:
        locked = Vault(patient.settings.encryption_key).locked
    except ValueError as mistake:
        yield problem("encryption", str(mistake), "make one with  flowengine key encryption")
        return
    private = [flow.office.name for flow in patient.flows if private_fields(flow)]
    if locked:
        yield ok("encryption", "what callers say is encrypted at rest")
    elif private:
        said = f"{', '.join(private)} marks fields private, and FLOWENGINE_ENCRYPTION_KEY is not set"
        yield problem(
            "encryption", said, "make one with  flowengine key encryption  and keep it apart from the backups"
        )
    else:
        said = "what callers say is stored as it is: FLOWENGINE_ENCRYPTION_KEY is not set"
        yield Finding("encryption", "reminder", said)


async def address(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the public address is one that a carrier can come to."""
    url = urlsplit(patient.settings.public_url)
    help = "FLOWENGINE_PUBLIC_URL is the https:// address under which the internet finds this server"
    if not patient.settings.public_url:
        yield problem("public address", "FLOWENGINE_PUBLIC_URL is not set", help)
    elif url.scheme != "https":
        yield problem("public address", f"{url.scheme}:// is not encrypted; Twilio opens no audio stream there", help)
    elif _is_inner(url.hostname or ""):
        yield problem("public address", f"{url.hostname} is an address of this network only", help)
    elif url.path or url.query:
        yield problem("public address", "it must end after the name of the server", help)
    else:
        yield ok("public address", f"{url.hostname} over https")


def _is_inner(host: str) -> bool:
    try:
        return not is_public(ipaddress.ip_address(host))
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".internal", ".localhost"))


# ---- flows -----------------------------------------------------------------------------------------------------------


async def phones(patient: Patient) -> AsyncIterator[Finding]:
    """Whether staff can be rung: the numbers exist, and none leads back to an office of this installation."""
    offices = {number: flow.office.name for flow in patient.flows for number in flow.office.phone_numbers}
    for flow in patient.flows:
        wrong = list(_wrong_phones(flow, offices))
        for said, help in wrong:
            yield problem("staff phones", said, help)
        if not wrong:
            count = sum(len(person.phones) for person in flow.people.values())
            yield ok("staff phones", f"{flow.office.name}: {count} that can be rung")


def _wrong_phones(flow: Flow, offices: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for person in flow.people.values():
        for phone in person.phones:
            if phone in offices:
                said = f"{flow.office.name}: {person.name}'s phone is the number of {offices[phone]}"
                yield f"{said}, so a call would ring itself", f"give {person.name} another number in {flow.file}"
            elif phone.startswith("+") and not assigned(phone):
                said = f"{flow.office.name}: no telephone company gives out {person.name}'s number {phone}"
                yield said, f"look at it again in {flow.file}"


async def music(patient: Patient) -> AsyncIterator[Finding]:
    """Whether each office's hold music can be had and played."""
    box = MusicBox(allow_private=patient.settings.private_webhooks == "yes")
    for flow in patient.flows:
        if trouble := await box.trouble(flow):
            help = "callers would hear the built-in piece; mend `music` under `hold`"
            yield problem("music", f"{flow.office.name}: {trouble}", help)
        else:
            yield ok("music", f"{flow.office.name}: can be played")


async def mail(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the mail server lets us in, where a flow sends e-mail."""
    using = [flow.office.name for flow in patient.flows if sends_mail(flow)]
    settings = patient.settings
    if not using:
        return
    try:
        trouble = await Mail(settings.smtp_url, settings.mail_from, LoopClock()).trouble()
    except ValueError as mistake:
        trouble = str(mistake)
    if trouble:
        help = "look at FLOWENGINE_SMTP_URL and FLOWENGINE_MAIL_FROM"
        yield problem("e-mail", f"{', '.join(using)} sends e-mail: {trouble}", help)
    else:
        yield ok("e-mail", "the mail server lets us in")


# ---- the database ----------------------------------------------------------------------------------------------------

_CONDITIONS: Mapping[str, tuple[State, str, str]] = {
    "ready": ("ok", "answers, and its tables are those of this version", ""),
    "empty": ("ok", "is empty; the first start makes its tables", ""),
    "behind": ("ok", "is of an earlier version; the next start brings it up to date", ""),
    "newer": ("problem", "was last used by a newer version", "install that version again: this one cannot read it"),
}


async def database(patient: Patient) -> AsyncIterator[Finding]:
    """Whether what must last has a place."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            state, said, help = _CONDITIONS[await condition(patient.settings.database_url)]
        yield Finding("database", state, said, help)
    except ValueError as mistake:
        yield problem("database", str(mistake), "look at FLOWENGINE_DATABASE_URL")
    except (SQLAlchemyError, OSError) as mistake:  # a timeout too
        said = f"does not answer ({type(mistake).__name__})"
        yield problem("database", said, "look at FLOWENGINE_DATABASE_URL, and whether the server runs")


LOCAL: tuple[Check, ...] = (keys, secret_key, encryption, address, phones, database)

REMINDERS = (
    "Twilio: a business associate agreement and an edition for health data, where callers speak of their health",
    "AssemblyAI: a business associate agreement, no retention and no training on your calls, set on its dashboard",
    "the greeting says that a machine answers, and the law of your callers' places on recording is met",
    "a backup of the database, and of the encryption key apart from it",
    "the carrier's fallback address of each number leads to a phone that a person answers",
)
