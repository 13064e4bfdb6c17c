"""The emulated carrier: phone numbers and phones on one side, REST and webhooks on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zlib import crc32

from aiohttp import web

from flowengine.sandbox.carrier.api_account import Account
from flowengine.sandbox.carrier.api_calls import Calls
from flowengine.sandbox.carrier.api_messages import Messages
from flowengine.sandbox.carrier.api_recordings import Recordings
from flowengine.sandbox.carrier.api_rooms import Rooms
from flowengine.sandbox.carrier.behaviour import Behaviour, Fault
from flowengine.sandbox.carrier.exchange import Exchange, Number
from flowengine.sandbox.carrier.faults import Faults
from flowengine.sandbox.carrier.interpreter import Goto, Interpreter
from flowengine.sandbox.carrier.leg import Orders
from flowengine.sandbox.carrier.media import MediaStream
from flowengine.sandbox.carrier.party import Party
from flowengine.sandbox.carrier.records import CallRecord, Message, Recording, Referral, Warning
from flowengine.sandbox.carrier.rest import api
from flowengine.sandbox.carrier.sids import is_phone, is_sip
from flowengine.sandbox.carrier.verbs import HANDLERS
from flowengine.sandbox.carrier.webhooks import Request

__all__ = ["Carrier"]

_STOPPING = 0.2  # seconds connections get to close


class Carrier:
    """One account at one carrier.

    `routes` maps public origins to loopback origins; requests keep the public Host header and are signed over the
    public URL. All times are those of the running loop; `now` is the wall clock (aware).
    """

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        now: Callable[[], datetime],
        routes: Mapping[str, str],
        behaviour: Behaviour | None = None,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        run: str = "",
    ) -> None:
        self._exchange = Exchange(
            account_sid=account_sid,
            token=auth_token,
            now=now,
            routes=routes,
            behaviour=behaviour or Behaviour(),
            faults=Faults(faults),
            seed=seed,
            run=run,
        )
        self._runner: web.AppRunner | None = None

    # ---- its life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=_STOPPING, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0]
        self._exchange.api_url = f"http://{host}:{bound[1]}"
        await self._exchange.open()

    async def settle(self, timeout: float = 10) -> None:  # noqa: ASYNC109  # the contract's name
        """Until no leg is alive and all callbacks are delivered. Raises TimeoutError, and what an own task died of."""
        async with asyncio.timeout(timeout):
            await self._exchange.settle()

    async def stop(self) -> None:
        await self._exchange.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._exchange.check()

    # ---- the world

    def add_number(
        self, number: str, voice_url: str, *, fallback_url: str = "", status_callback: str = "", method: str = "POST"
    ) -> None:
        """One of the account's own numbers, and where calls to it lead."""
        self._exchange.numbers[number] = Number(number, voice_url, method, fallback_url, status_callback)

    def add_phone(self, address: str, party: Party) -> None:
        """A phone (E.164) or SIP address somewhere in the world. One that was not added rings and is not answered."""
        if not (is_phone(address) or is_sip(address)):
            raise ValueError(f"neither an E.164 number nor a SIP address: {address!r}")
        self._exchange.phones[address] = party

    async def ring_in(
        self, caller: Party, *, from_: str, to: str, sip: bool = False, headers: Sequence[tuple[str, str]] = ()
    ) -> CallRecord:
        """A caller rings `to`; returns when her leg is over. `headers`: X- headers of a SIP call."""
        exchange = self._exchange
        number = exchange.numbers[_user(to)]
        more = [("CallToken", exchange.sids.token())]
        if sip:
            from_, to = _sip(from_, "pbx.example.com"), _sip(to, "office.sip.example.com")
            more += _sip_fields(from_, to, headers)
        else:
            more.append(("StirVerstat", "TN-Validation-Passed-A"))
        orders = Orders(
            number.voice_url,
            number.method,
            number.fallback_url,
            status_callback=number.status_callback,
            more=tuple(more),
        )
        leg = exchange.new_leg(direction="inbound", from_=from_, to=to, party=caller, orders=orders, sip=sip)
        leg.record.status = "ringing"
        leg.run(Interpreter(leg, HANDLERS).main(Goto(number.voice_url, number.method)))
        await leg.finished.wait()
        exchange.check()
        return leg.record

    # ---- what was seen

    @property
    def api_url(self) -> str:
        """Base URL of the REST API; known once started."""
        return self._exchange.api_url

    @property
    def calls(self) -> Mapping[str, CallRecord]:
        """All legs there ever were, by CallSid, in the order they began."""
        return {sid: leg.record for sid, leg in self._exchange.legs.items()}

    @property
    def warnings(self) -> list[Warning]:
        return self._exchange.warnings

    @property
    def requests(self) -> list[Request]:
        """All webhooks, in the order they were answered."""
        return self._exchange.webhooks.sent

    @property
    def streams(self) -> Mapping[str, MediaStream]:
        """All media streams, by StreamSid."""
        return self._exchange.streams

    @property
    def recordings(self) -> Mapping[str, Recording]:
        return self._exchange.recordings

    @property
    def deleted(self) -> list[str]:
        """The recordings that were deleted, by RecordingSid."""
        return self._exchange.deleted

    @property
    def messages(self) -> list[Message]:
        """The texts the account has sent, in their order."""
        return list(self._exchange.messages.values())

    @property
    def referrals(self) -> list[Referral]:
        return self._exchange.referrals

    @property
    def faults_done(self) -> list[Fault]:
        """The faults that have happened."""
        return self._exchange.faults.done

    def _app(self) -> web.Application:
        exchange = self._exchange
        calls, rooms, recordings = Calls(exchange), Rooms(exchange), Recordings(exchange)
        messages, account = Messages(exchange), Account(exchange)
        root = "/2010-04-01/Accounts/{account}"
        call, room = root + "/Calls/{call}", root + "/Conferences/{conference}"
        member = room + "/Participants/{participant}.json"
        app = web.Application()
        app.add_routes(
            [
                web.route(method, path, api(exchange, handler))
                for method, path, handler in (
                    ("GET", root + ".json", account.fetch),
                    ("GET", root + "/IncomingPhoneNumbers.json", account.numbers),
                    ("POST", root + "/Calls.json", calls.create),
                    ("GET", root + "/Calls.json", calls.list),
                    ("GET", call + ".json", calls.fetch),
                    ("POST", call + ".json", calls.update),
                    ("POST", call + "/Streams.json", calls.create_stream),
                    ("POST", call + "/Streams/{stream}.json", calls.update_stream),
                    ("POST", call + "/Recordings.json", recordings.create),
                    ("GET", call + "/Recordings.json", recordings.list),
                    ("GET", call + "/Recordings/{recording}", recordings.fetch),
                    ("POST", call + "/Recordings/{recording}", recordings.update),
                    ("DELETE", call + "/Recordings/{recording}", recordings.delete),
                    ("GET", root + "/Recordings/{recording}", recordings.fetch),
                    ("DELETE", root + "/Recordings/{recording}", recordings.delete),
                    ("POST", root + "/Messages.json", messages.create),
                    ("GET", root + "/Messages.json", messages.list),
                    ("GET", root + "/Messages/{message}.json", messages.fetch),
                    ("GET", root + "/Conferences.json", rooms.list),
                    ("GET", room + ".json", rooms.fetch),
                    ("POST", room + ".json", rooms.update),
                    ("GET", room + "/Participants.json", rooms.list_participants),
                    ("POST", room + "/Participants.json", rooms.create_participant),
                    ("GET", member, rooms.fetch_participant),
                    ("POST", member, rooms.update_participant),
                    ("DELETE", member, rooms.delete_participant),
                )
            ]
        )
        return app


def _user(address: str) -> str:
    """The number in a SIP address, or the number itself."""
    return address.partition(":")[2].partition("@")[0] if is_sip(address) else address


def _sip(address: str, host: str) -> str:
    return address if is_sip(address) else f"sip:{address}@{host}"


def _sip_fields(from_: str, to: str, headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What SIP legs add to every webhook (twilio.md 1.1)."""
    return [
        ("SipCallId", f"{crc32((from_ + to).encode()):08x}@pbx.example.com"),
        ("SipDomain", to.partition("@")[2]),
        ("SipSourceIp", "192.0.2.10"),
        *((f"SipHeader_{name}", value) for name, value in headers),
    ]
