"""What `doctor` asks of the world: do the keys open what they should, and does a call find its way to us and back."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from flowengine.agents.probe import agent_opens
from flowengine.app import build
from flowengine.carriers.twilio import knocks
from flowengine.carriers.twilio.account import Account, NoAccount, OwnNumber, account, own_number
from flowengine.carriers.twilio.links import STATUS, VOICE
from flowengine.cli.checkup import Check, Finding, Patient, mail, music, ok, problem
from flowengine.flow.model import Flow
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import Flowbook
from flowengine.settings import Settings
from flowengine.transcription.probe import transcript_begins

SECONDS = 10.0  # one question may take
MOST_SKEW = 30.0  # seconds our clock may be wrong: links and signatures allow for 60 at most

# What the AssemblyAI services say when they do not open, in a word.
_WHY = {
    "refused": "nobody answers there",
    "unauthorized": "the key is not taken",
    "1008": "the key is not taken",
    "not ready": "it does not answer in time",
}


# ---- Twilio ----------------------------------------------------------------------------------------------------------


async def twilio(patient: Patient) -> AsyncIterator[Finding]:
    """The account, our clock against theirs, and each office's numbers."""
    settings = patient.settings
    if not (settings.twilio_account_sid and settings.twilio_auth_token):
        yield Finding("Twilio", "not checked", "its keys are not set")
        return
    try:
        found = await account(settings)
    except NoAccount as mistake:
        yield _unreached(mistake)
        return
    yield _account(found)
    yield _clock(found)
    for flow in patient.flows:
        async for finding in _numbers(settings, flow):
            yield finding


def _unreached(mistake: NoAccount) -> Finding:
    if not mistake.reached:
        return Finding("Twilio", "not checked", str(mistake), "look at the network of this machine")
    help = "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN must be of one account; a rotated token is another one"
    return problem("Twilio", f"the keys do not open the account: {mistake}", help)


def _account(found: Account) -> Finding:
    if found.status != "active":
        return problem("Twilio", f"the account is {found.status}", "ask Twilio's support")
    if found.trial:
        said = "the account is a trial: it calls verified numbers only and says so to every caller"
        return problem("Twilio", said, "upgrade it before an office depends on it")
    return ok("Twilio", "the keys open the account")


def _clock(found: Account) -> Finding:
    if found.said_at is None:
        return Finding("clock", "not checked", "Twilio did not say what time it is")
    skew = (datetime.now(UTC) - found.said_at).total_seconds()
    if abs(skew) > MOST_SKEW:
        way = "fast" if skew > 0 else "slow"
        help = "let this machine take its time from the network (NTP): opening hours and links depend on it"
        return problem("clock", f"this machine's clock is {abs(skew):.0f} seconds {way}", help)
    return ok("clock", "agrees with Twilio's")


async def _numbers(settings: Settings, flow: Flow) -> AsyncIterator[Finding]:
    """A SIP office's numbers are its own phone system's affair."""
    if flow.office.calls_arrive_by == "sip":
        said = f"{flow.office.name}: its calls arrive by SIP; its own phone system leads them to us"
        yield Finding("numbers", "not checked", said)
        return
    for number in flow.office.phone_numbers:
        try:
            yield _number(settings, number, await own_number(settings, number))
        except NoAccount as mistake:
            yield Finding("numbers", "not checked", f"{number}: {mistake}")


def _number(settings: Settings, number: str, found: OwnNumber | None) -> Finding:
    wanted = settings.public_url + VOICE
    if found is None:
        return problem("numbers", f"{number} is not a number of this account", "buy or port it, or mend phone_numbers")
    if found.elsewhere:
        help = "take it out in the console; a webhook takes the calls then"
        return problem("numbers", f"{number}: {found.elsewhere} takes its calls", help)
    if found.voice_url != wanted or found.method != "POST":
        where = urlsplit(found.voice_url).hostname or "nowhere"
        said = f"{number}: a call leads to {where} by {found.method}, not to us"
        return problem("numbers", said, f'set "A call comes in" to Webhook, {wanted}, HTTP POST')
    told = settings.public_url + STATUS
    if found.status_url != told:
        said = f"{number}: nobody tells us when a caller has hung up"
        return problem("numbers", said, f'set "Call status changes" to {told}')
    return ok("numbers", f"{number} leads to us")


# ---- AssemblyAI ------------------------------------------------------------------------------------------------------


async def voice_agent(patient: Patient) -> AsyncIterator[Finding]:
    """With the voice of each office: an unknown one closes the session (assemblyai.md 1.4)."""
    if not patient.settings.assemblyai_api_key:
        yield Finding("Voice Agent", "not checked", "its key is not set")
        return
    for voice in sorted({flow.receptionist.voice for flow in patient.flows}):
        yield _session("Voice Agent", f"a session with the voice {voice}", await agent_opens(patient.settings, voice))


async def streaming(patient: Patient) -> AsyncIterator[Finding]:
    """The transcript after a hand-off."""
    if not patient.settings.assemblyai_api_key:
        yield Finding("Streaming", "not checked", "its key is not set")
        return
    yield _session("Streaming", "a transcript", await transcript_begins(patient.settings))


def _session(area: str, what: str, trouble: str) -> Finding:
    if not trouble:
        return ok(area, f"{what} opens")
    help = "look at ASSEMBLYAI_API_KEY, and at the plan and limits on AssemblyAI's dashboard"
    said = f"{what} does not open: {_WHY.get(trouble, trouble)}"
    return Finding(area, "not checked", said, help) if trouble == "refused" else problem(area, said, help)


# ---- our own door ----------------------------------------------------------------------------------------------------


async def signed(patient: Patient) -> AsyncIterator[Finding]:
    """A call as Twilio would announce it, to an engine of our own that nobody else sees: let in with the right
    signature, turned away with a wrong one."""
    settings = patient.settings
    if not (settings.public_url and settings.twilio_auth_token):
        yield Finding("signature", "not checked", "it needs FLOWENGINE_PUBLIC_URL and TWILIO_AUTH_TOKEN")
        return
    knock = knocks.new_call(settings)
    with tempfile.TemporaryDirectory(prefix="flowengine-") as folder:
        apart = replace(settings, database_url=f"sqlite:///{folder}/doctor.db", spool="")
        try:
            engine = build(apart, Flowbook({}, {}), LoopClock(), phrases=None)
        except ValueError as mistake:
            yield Finding("signature", "not checked", f"the engine does not start: {mistake}")
            return
        async with engine.app.router.lifespan_context(engine.app):
            let_in = await _announced(engine.app, knock, knock.signed)
            refused = await _announced(engine.app, knock, knock.forged)
    if (let_in, refused) == (knock.let_in, 403):
        yield ok("signature", "a signed call is let in, a wrongly signed one is not")
    else:
        said = f"a signed call is answered {let_in}, a wrongly signed one {refused}"
        yield problem("signature", said, "this is a fault of flowengine; please report it")


async def _announced(app: Any, knock: knocks.Knock, proof: Mapping[str, str]) -> int:
    """The status of the answer to one request, asked without a network."""
    body = urlencode(knock.form).encode()
    given = {**proof, "Content-Type": "application/x-www-form-urlencoded"}
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    scope = {"type": "http", "method": "POST", "path": knock.path, "raw_path": knock.path.encode(), "query_string": b""}
    scope |= {"headers": headers, "http_version": "1.1", "scheme": "https", "server": ("127.0.0.1", 443)}
    answered: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    await app(scope, receive, send)
    return answered[0]


# ---- the public address ----------------------------------------------------------------------------------------------


async def reachable(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the running server is found at its public address, and trusts Twilio alone."""
    settings = patient.settings
    if urlsplit(settings.public_url).scheme != "https":
        yield Finding("public address", "not checked", "there is no https address to ask")
        return
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=False) as session:
        try:
            yield await _healthy(session, settings)
            yield await _guarded(session, settings)
        except aiohttp.ClientConnectorCertificateError:
            yield problem("public address", "its certificate is not trusted", "renew the certificate of the server")
        except aiohttp.ClientConnectorDNSError:
            yield problem("public address", "its name leads nowhere", "mend the DNS entry, or FLOWENGINE_PUBLIC_URL")
        except (aiohttp.ClientError, OSError) as mistake:
            said = f"nobody answers there now ({type(mistake).__name__})"
            yield Finding("public address", "not checked", said, "run doctor again while  flowengine serve  is running")


async def _healthy(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    async with session.get(f"{settings.public_url}/healthz", allow_redirects=False) as answer:
        if answer.status == 200 and b'"ok"' in await answer.content.read(1000):
            return ok("public address", "the server answers there")
        said = f"something else answers there ({answer.status})"
        return problem("public address", said, "lead every path of this address to flowengine, without a redirect")


async def _guarded(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    """News of a call nobody knows changes nothing; it only tells whether our signature counts there."""
    knock, statuses = knocks.old_news(settings), list[int]()
    address = settings.public_url + knock.path
    for proof in (knock.signed, knock.forged):
        async with session.post(address, data=knock.form, headers=proof, allow_redirects=False) as answer:
            statuses.append(answer.status)
    if statuses == [knock.let_in, 403]:
        return ok("public address", "Twilio's signature counts there, and nothing else does")
    said = f"there a signed request is answered {statuses[0]}, a wrongly signed one {statuses[1]}"
    help = "the server there needs the same TWILIO_AUTH_TOKEN and FLOWENGINE_PUBLIC_URL; a proxy may alter the path"
    return problem("public address", said, help)


WORLD: tuple[Check, ...] = (music, mail, twilio, voice_agent, streaming, reachable)
