"""`<Dial>` to phones and SIP addresses, and `<Refer>`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowengine.sandbox.carrier import (
    Act,
    Behaviour,
    CallRecord,
    HangsUp,
    Presses,
    Says,
    Until,
    Waits,
    caller,
    staff,
)
from tests.sandbox.carrier.office import DANA, LUIS, OFFICE, PUBLIC, Office, world
from tests.sandbox.carrier.sdk import async_client

ENDS = "<Say>Done.</Say>"
CLAIMS = "sip:claims@pbx.example.com"


def heard(record: CallRecord, what: str) -> list[str]:
    return [s.text for s in record.heard if s.what == what]


async def test_two_phones_are_bridged() -> None:
    office = Office({"/voice": f'<Dial action="/after" timeout="20"><Number>{DANA}</Number></Dial>', "/after": ENDS})
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(after=3.0, acts=[Says("Payments, hello."), Says("Done."), HangsUp()]))
        record = await here.ring(caller([Until("Payments"), Says("I was charged twice.")]))
        dana = list(here.carrier.calls.values())[1]
    assert heard(record, "staff") == ["Payments, hello.", "Done."]
    assert "I was charged twice." in heard(dana, "caller")
    (told,) = office.to("/after")
    assert (told["DialCallStatus"], told["DialBridged"], told["DialCallSid"]) == ("completed", "true", dana.sid)
    assert int(told["DialCallDuration"]) == dana.duration
    assert (dana.parent_sid, dana.direction, dana.from_) == (record.sid, "outbound-dial", record.from_)
    assert record.heard[0].what == "music", "she hears it ring"


@pytest.mark.parametrize(("outcome", "status"), [("busy", "busy"), ("no answer", "no-answer"), ("fails", "failed")])
async def test_nobody_there(outcome: Any, status: str) -> None:
    office = Office({"/voice": f'<Dial action="/after" timeout="5">{DANA}</Dial>', "/after": ENDS})
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(outcome))
        record = await here.ring(caller([]))
    (told,) = office.to("/after")
    assert (told["DialCallStatus"], told["DialBridged"]) == (status, "false")
    assert heard(record, "notice") == ["Done."]


async def test_the_first_of_several_to_answer_wins() -> None:
    office = Office({"/voice": f"<Dial><Number>{DANA}</Number><Number>{LUIS}</Number></Dial>{ENDS}"})
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(after=8.0))
        here.carrier.add_phone(LUIS, staff(after=2.0, acts=[Says("Luis here."), HangsUp()]))
        record = await here.ring(caller([]))
        _, dana, luis = here.carrier.calls.values()
    assert heard(record, "staff") == ["Luis here."]
    assert (dana.status, luis.status) == ("canceled", "completed")
    assert heard(record, "notice") == ["Done."]


@pytest.mark.parametrize(("key", "bridged"), [("1", "true"), ("2", "false")])
async def test_a_whisper_decides_whether_they_are_joined(key: str, bridged: str) -> None:
    whisper = '<Gather numDigits="1" finishOnKey="" action="/key"><Say>Press one for Maria.</Say></Gather><Hangup/>'
    office = Office(
        {
            "/voice": f'<Dial action="/after"><Number url="/whisper">{DANA}</Number></Dial>',
            "/whisper": whisper,
            "/key": lambda asked: "" if asked["Digits"] == "1" else "<Hangup/>",
            "/after": "<Hangup/>",
        }
    )
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(after=1.0, key=key, acts=[Says("Hello Maria."), HangsUp()]))
        record = await here.ring(caller([]))
        dana = list(here.carrier.calls.values())[1]
    (told,) = office.to("/after")
    assert (told["DialCallStatus"], told["DialBridged"]) == ("completed", bridged)
    assert heard(record, "staff") == (["Hello Maria."] if bridged == "true" else [])
    assert heard(dana, "notice") == ["Press one for Maria."]
    assert office.to("/whisper")[0]["ParentCallSid"] == record.sid


async def test_no_dial_inside_a_whisper() -> None:
    office = Office({"/voice": f'<Dial><Number url="/w">{DANA}</Number></Dial>', "/w": f"<Dial>{LUIS}</Dial><Hangup/>"})
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(after=0.1))
        await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [13201]


async def test_answer_on_bridge_keeps_the_caller_ringing() -> None:
    office = Office({"/voice": f'<Dial answerOnBridge="true">{DANA}</Dial>'})
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff(after=4.0, acts=[HangsUp()]))
        record = await here.ring(caller([]))
    assert record.answered_at == pytest.approx(record.started_at + 4.5, abs=0.2)


@pytest.mark.parametrize(
    ("dial", "code"),
    [
        (f'<Dial callerId="{LUIS}">{DANA}</Dial>', 13214),
        ("<Dial>555</Dial>", 13223),
        ("<Dial><Sip>x@y</Sip></Dial>", 13223),
    ],
)
async def test_a_dial_that_cannot_be_placed(dial: str, code: int) -> None:
    async with world(Office({"/voice": dial + ENDS})) as here:
        record = await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [code]
        assert len(here.carrier.calls) == 1
    assert heard(record, "notice") == ["Done."]


async def test_star_and_the_time_limit_end_the_bridge() -> None:
    presses: list[Act] = [Waits(4.0), Presses("*")]
    none: list[Act] = []
    for attribute, acts, least in (('hangupOnStar="true"', presses, 0), ('timeLimit="10"', none, 9)):
        office = Office({"/voice": f"<Dial {attribute}>{DANA}</Dial>{ENDS}"})
        async with world(office) as here:
            here.carrier.add_phone(DANA, staff(after=1.0))
            record = await here.ring(caller(acts))
            dana = list(here.carrier.calls.values())[1]
        assert least <= dana.duration <= 10
        assert heard(record, "notice") == ["Done."]


async def test_the_caller_hanging_up_stops_the_ringing() -> None:
    office = Office(
        {
            "/voice": f'<Dial><Number statusCallback="{PUBLIC}/leg" statusCallbackEvent="ringing completed">'
            f"{DANA}</Number></Dial>"
        }
    )
    async with world(office) as here:
        here.carrier.add_phone(DANA, staff("no answer"))
        await here.ring(caller([Waits(3.0), HangsUp()]))
        await here.carrier.settle()
        assert list(here.carrier.calls.values())[1].status == "canceled"
    assert [a["CallStatus"] for a in office.to("/leg")] == ["ringing", "canceled"]


@pytest.mark.parametrize("asks", [False, True])
async def test_hanging_up_may_still_request_the_action(asks: bool) -> None:
    office = Office({"/voice": f'<Dial action="/after">{DANA}</Dial>', "/after": "<Say>Nobody hears this.</Say>"})
    async with world(office, behaviour=Behaviour(action_after_hang_up=asks)) as here:
        record = await here.ring(caller([Waits(2.0), HangsUp()]))
        await here.carrier.settle()
    assert [a["CallStatus"] for a in office.to("/after")] == (["completed"] if asks else [])
    assert not heard(record, "notice")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_bridged_phone_can_be_taken_elsewhere() -> None:
    office = Office({"/voice": f"<Dial>{DANA}</Dial>{ENDS}", "/survey": "<Say>How was it?</Say>"})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        here.carrier.add_phone(DANA, staff(after=0.5))
        ringing = asyncio.create_task(here.ring(caller([])))
        await asyncio.sleep(3)
        dana = list(here.carrier.calls.values())[1]
        await api.calls(dana.sid).update_async(url=f"{PUBLIC}/survey")
        record = await ringing
        await here.carrier.settle()
    assert heard(record, "notice") == ["Done."]
    assert heard(dana, "notice") == ["How was it?"]


async def test_a_sip_address_is_told_by_its_codes() -> None:
    office = Office({"/voice": f'<Dial action="/after"><Sip>{CLAIMS}?X-Card=1</Sip></Dial>', "/after": "<Hangup/>"})
    async with world(office) as here:
        here.carrier.add_phone(CLAIMS, staff("busy"))
        await here.ring(caller([]), sip=True)
    (told,) = office.to("/after")
    assert (told["DialCallStatus"], told["DialSipResponseCode"]) == ("busy", "486")
    assert told["From"].startswith("sip:")


# ---- Refer -----------------------------------------------------------------------------------------------------------

REFER = f'<Refer action="/referred"><Sip>{CLAIMS}</Sip></Refer>'


async def test_refer_is_not_for_phones() -> None:
    async with world(Office({"/voice": REFER + "<Say>We stay.</Say>"})) as here:
        record = await here.ring(caller([]))
        assert [w.code for w in here.carrier.warnings] == [13801]
    assert heard(record, "notice") == ["We stay."]


@pytest.mark.parametrize(
    ("outcome", "fields"),
    [
        ("accepts", ("in-progress", "202", "200")),
        ("busy", ("busy", "202", "486")),
        ("fails", ("failed", "202", "404")),
        ("no answer", ("no-answer", "202", "487")),
    ],
)
async def test_refer_takes_a_sip_caller_away(outcome: Any, fields: tuple[str, str, str]) -> None:
    office = Office({"/voice": REFER, "/referred": "<Pause length='30'/>"})
    async with world(office) as here:
        here.carrier.add_phone(CLAIMS, staff(outcome))
        record = await here.ring(caller([], stays=70), sip=True)
        (referral,) = here.carrier.referrals
    (told,) = office.to("/referred")
    assert (told["ReferCallStatus"], told["ReferSipResponseCode"], told["NotifySipResponseCode"]) == fields
    assert (referral.status, referral.target) == (fields[0], CLAIMS)
    if outcome == "accepts":
        assert record.ended_at is not None
        assert record.ended_at - told.at < 2, "her own equipment hangs up on us"


async def test_refer_may_be_refused() -> None:
    office = Office({"/voice": REFER, "/referred": "<Say>We stay.</Say>"})
    async with world(office, behaviour=Behaviour(refer_answer=405)) as here:
        record = await here.ring(caller([]), sip=True)
    (told,) = office.to("/referred")
    assert (told["ReferCallStatus"], told["ReferSipResponseCode"]) == ("failed", "405")
    assert heard(record, "notice") == ["We stay."]
    assert OFFICE in told["To"]
