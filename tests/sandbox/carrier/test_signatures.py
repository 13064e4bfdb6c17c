"""Every request carries the signature the vendor's own validator accepts, whatever is in it."""

from __future__ import annotations

import pytest
from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from flowengine.sandbox.carrier import HangsUp, Presses, Waits, caller, staff
from flowengine.sandbox.carrier.webhooks import sign
from tests.sandbox.carrier.office import CONNECT, DANA, OFFICE, PUBLIC, TOKEN, Asked, Office, world
from tests.sandbox.carrier.sdk import async_client

VECTORS = [
    (
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        [("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"), ("From", "+14158675309"),
         ("To", "+18005551212")],
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
    (
        "https://example.com/myapp",
        [("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234"), ("From", "+12349013030"),
         ("To", "+18005551212")],
        "NGAgWNhdnsLF8j385frvrQoi9sg=",
    ),
    ("wss://example.com/media", [], "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
]  # fmt: skip


@pytest.mark.parametrize(("url", "form", "signature"), VECTORS)
def test_known_signatures(url: str, form: list[tuple[str, str]], signature: str) -> None:
    assert sign("12345", url, form) == signature


@pytest.mark.parametrize(
    "form",
    [
        [("b", "2"), ("a", "1"), ("b", "1"), ("b", "2")],
        [("B", "x"), ("a", ""), ("a", " "), ("é", "ü&=+%")],
        [],
    ],
)
def test_the_validator_accepts_repeated_names(form: list[tuple[str, str]]) -> None:
    url = "https://demo.test/path?x=1&x=2"
    assert RequestValidator(TOKEN).validate(url, MultiDict(form), sign(TOKEN, url, form))


def accepted(asked: Asked) -> bool:
    url = f"{PUBLIC}{asked.path}{'?' if asked.query else ''}{asked.query}"
    form = asked.form if asked.method == "POST" else MultiDict[str]()
    return bool(RequestValidator(TOKEN).validate(url, form, asked.signature))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_all_webhooks_of_a_call_validate(method: str) -> None:
    async def talk(socket: object) -> None:
        await socket.ws.close()  # type: ignore[attr-defined]

    office = Office(
        {
            "/voice": f'<Gather timeout="1" method="{method}" action="/keys?from=a%20b&amp;x=1&amp;x=2"/>',
            "/keys": f'<Start><Stream url="wss://demo.test/copy" statusCallback="{PUBLIC}/stream"/></Start>{CONNECT}',
            "/staff": '<Dial><Conference statusCallback="/room" waitUrl="">r</Conference></Dial>',
        },
        {"/media": talk},
    )
    async with world(office, method=method, status="/status") as here:
        here.carrier.add_phone(DANA, staff(after=0.5, hangs_up_after=3.0))
        async with async_client(here.carrier.api_url) as client:
            await client.calls.create_async(
                to=DANA, from_=OFFICE, url=f"{PUBLIC}/staff?leg=1", method=method, status_callback=f"{PUBLIC}/leg",
                status_callback_event=["initiated", "ringing", "answered", "completed"], machine_detection="Enable",
                async_amd="true", async_amd_status_callback=f"{PUBLIC}/amd", status_callback_method=method,
            )  # fmt: skip
        await here.ring(
            caller([Waits(0.5), Presses("5"), Presses("#"), HangsUp(after=2.5)]),
            sip=True,
            headers=[("X-Tag", "b"), ("X-Tag", "a")],
        )
        await here.carrier.settle()
    assert {a.path for a in office.asked} >= {"/voice", "/keys", "/staff", "/status", "/leg", "/amd", "/stream"}
    assert office.to("/voice")[0].form.getall("SipHeader_X-Tag") == ["b", "a"]
    assert {a.method for a in office.to("/voice")} == {method}
    assert [a.path for a in office.asked if not accepted(a)] == []
    assert all(a.headers["Host"] == "demo.test" for a in office.asked)
    assert len(office.sockets) == 2
    for socket in office.sockets:
        assert RequestValidator(TOKEN).validate(
            f"wss://demo.test{socket.path}", {}, socket.headers["X-Twilio-Signature"]
        )


async def test_the_upgrade_has_the_headers_that_were_captured() -> None:
    office = Office({"/voice": CONNECT})
    async with world(office) as here:
        await here.ring(caller([HangsUp()]))
    headers = office.sockets[0].headers
    assert set(headers) == {
        "Host", "User-Agent", "Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key",
        "X-Twilio-Signature", "Accept-Encoding",
    }  # fmt: skip
    assert (headers["Host"], headers["User-Agent"]) == ("demo.test", "Twilio.TmeWs/1.0")
    assert headers["Accept-Encoding"] == "gzip"
