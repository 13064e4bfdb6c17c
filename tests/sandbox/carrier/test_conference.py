"""Conferences: who hears whom, from when to when, and what the application is told."""

from __future__ import annotations

import asyncio

import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from flowengine.sandbox.carrier import Act, Behaviour, CallRecord, HangsUp, Says, Until, Waits, caller, staff
from flowengine.sandbox.speech import find_words
from tests.sandbox.carrier.office import CALLER, DANA, LUIS, OFFICE, PUBLIC, Asked, Office, World, world
from tests.sandbox.carrier.sdk import async_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's use of aiohttp 3.14
EVENTS = "start end join leave mute hold modify announcement"


def room(more: str = "", after: str = "", events: str = EVENTS) -> str:
    """A document that joins the room, quietly."""
    return (
        f'<Dial action="/left"><Conference beep="false" waitUrl="" jitterBufferSize="small" '
        f'statusCallback="{PUBLIC}/room" statusCallbackEvent="{events}" {more}>r1</Conference></Dial>{after}'
    )


async def meeting(
    here: World, acts: list[Act], *others: tuple[str, list[Act], str], after: float = 0.5
) -> tuple[CallRecord, list[CallRecord]]:
    """The caller rings in; each other (number, acts, document path) is rung by REST. All records when all is over."""
    ringing = asyncio.create_task(here.ring(caller(acts)))
    async with async_client(here.carrier.api_url) as api:
        for number, theirs, path in others:
            here.carrier.add_phone(number, staff(after=after, hello=False, acts=theirs))
            await api.calls.create_async(to=number, from_=OFFICE, url=f"{PUBLIC}{path}")
        record = await ringing
    await here.carrier.settle(60)
    return record, [r for r in here.carrier.calls.values() if r is not record]


def heard(record: CallRecord, what: str) -> list[str]:
    return [s.text for s in record.heard if s.what == what]


def events(office: Office) -> list[str]:
    return [a["StatusCallbackEvent"] for a in office.to("/room")]


async def test_two_people_hear_each_other_word_for_word() -> None:
    office = Office({"/voice": room(), "/staff": room('endConferenceOnExit="true"'), "/left": "<Say>Goodbye.</Say>"})
    async with world(office) as here:
        record, (dana,) = await meeting(
            here,
            [Until("Dana"), Says("My crown just fell out."), Until("two")],
            (DANA, [Says("Hi, this is Dana."), Says("Come at two."), HangsUp()], "/staff"),
        )
    assert heard(record, "staff") == ["Hi, this is Dana.", "Come at two."]
    assert heard(dana, "caller") == ["My crown just fell out."]
    assert heard(record, "notice") == ["Goodbye."], "the room ended, her document went on"
    assert events(office) == [
        "participant-join", "participant-join", "conference-start", "participant-leave", "participant-leave",
        "conference-end",
    ]  # fmt: skip
    assert [a["SequenceNumber"] for a in office.to("/room")] == list("123456")
    leave, dropped, end = office.to("/room")[3:]
    assert (leave["CallSid"], leave["ReasonParticipantLeft"]) == (dana.sid, "participant_hung_up")
    assert leave["ParticipantCallStatus"] == "completed"
    assert (dropped["CallSid"], dropped["ReasonParticipantLeft"]) == (record.sid, "moderator_ended_conference")
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert end["CallSidEndingConference"] == dana.sid
    assert {"ConferenceSid", "FriendlyName", "AccountSid", "Timestamp", "Muted", "Hold", "Coaching"} <= set(leave.form)
    (action,) = office.to("/left")[:1]
    assert action["DialCallStatus"] == "answered"
    assert action.get("DialCallSid") is None


async def test_three_people_hear_the_sum_of_the_others() -> None:
    office = Office({"/voice": room(), "/staff": room(), "/left": "<Hangup/>"})
    async with world(office) as here:
        record, (dana, luis) = await meeting(
            here,
            [Waits(12.0), HangsUp()],
            (DANA, [Waits(5.0), Says("Dana is speaking.", wait=False)], "/staff"),
            (LUIS, [Waits(6.5), Says("Luis is next.", wait=False)], "/staff"),
        )
    assert heard(record, "staff") == ["Dana is speaking.", "Luis is next."]
    assert heard(luis, "staff") == ["Dana is speaking."]
    assert heard(dana, "staff") == ["Luis is next."]


async def test_voices_at_once_damage_each_other() -> None:
    office = Office({"/voice": room(), "/staff": room(), "/left": "<Hangup/>"})
    async with world(office) as here:
        record, _ = await meeting(
            here,
            [Waits(12.0), HangsUp()],
            (DANA, [Waits(5.0), Says("Dana is speaking at length about teeth.", wait=False)], "/staff"),
            (LUIS, [Waits(4.5), Says("Luis does not wait for anybody.", wait=False)], "/staff"),
        )
    assert len(find_words(record.heard_audio)) < 12


async def test_who_comes_first_waits_for_music_or_in_silence() -> None:
    for wait, what in (('waitUrl=""', "silence"), ("", "music")):
        office = Office({"/voice": f"<Dial><Conference {wait}>r</Conference></Dial>"})
        async with world(office) as here:
            record = await here.ring(caller([Waits(3.0), HangsUp()]))
        assert {s.what for s in record.heard} == {what}
        assert len(record.heard) == 1


async def test_own_wait_words_are_played_until_the_start() -> None:
    def waits(asked: Asked) -> str:
        return f"<Gather/><Say>Please wait, {asked['CallStatus']}.</Say><Redirect/>"

    office = Office(
        {
            "/voice": room().replace('waitUrl=""', 'waitUrl="/wait"'),
            "/wait": waits,
            "/staff": room(),
            "/left": "<Hangup/>",
        }
    )
    async with world(office) as here:
        record, _ = await meeting(
            here, [Waits(14.0), HangsUp()], (DANA, [Says("Here I am.", wait=False)], "/staff"), after=6.0
        )
        assert {w.code for w in here.carrier.warnings} == {13238}
    told = heard(record, "notice")
    assert len(told) > 2
    assert set(told[:-1]) == {"Please wait, in-progress."}
    assert len(office.to("/wait")) <= len(told) + 1, "the loop stops at the start"
    assert heard(record, "staff") == ["Here I am."]


async def test_a_wait_address_that_fails_drops_the_leg_out() -> None:
    office = Office({"/voice": '<Dial><Conference waitUrl="/gone">r</Conference></Dial><Say>Sorry.</Say>'})
    async with world(office) as here:
        record = await here.ring(caller([]))
    assert heard(record, "notice") == ["Sorry."]


async def test_nobody_starts_a_room_of_people_who_only_wait() -> None:
    waiting = room('startConferenceOnEnter="false"')
    office = Office({"/voice": waiting, "/staff": waiting, "/left": "<Hangup/>"})
    async with world(office) as here:
        record, _ = await meeting(here, [Waits(5.0), HangsUp()], (DANA, [], "/staff"))
        assert not heard(record, "staff")
    assert "conference-start" not in events(office)


async def test_a_label_taken_keeps_the_second_one_out() -> None:
    labelled = room('participantLabel="human"', after="<Say>You are not in.</Say>")
    office = Office({"/voice": labelled, "/staff": labelled, "/left": "<Hangup/>"})
    async with world(office) as here:
        _, (dana,) = await meeting(here, [Waits(6.0), HangsUp()], (DANA, [], "/staff"))
        assert [w.code for w in here.carrier.warnings] == [16025]
    assert heard(dana, "notice") == ["You are not in."]
    assert office.to("/room")[0]["ParticipantLabel"] == "human"


async def test_the_first_one_in_fixes_who_is_told() -> None:
    office = Office(
        {
            "/voice": room(events="join"),
            "/staff": room().replace("/room", "/elsewhere"),
            "/left": "<Hangup/>",
        }
    )
    async with world(office) as here:
        await meeting(here, [Waits(5.0), HangsUp()], (DANA, [], "/staff"))
    assert events(office) == ["participant-join", "participant-join"]
    assert not office.to("/elsewhere")


@pytest.mark.parametrize(("beep", "music"), [("true", True), ("false", False)])
async def test_beeps_are_heard_unless_switched_off(beep: str, music: bool) -> None:
    office = Office(
        {"/voice": room(), "/staff": room().replace('beep="false"', f'beep="{beep}"'), "/left": "<Hangup/>"}
    )
    async with world(office) as here:
        record, _ = await meeting(here, [Waits(5.0), HangsUp()], (DANA, [], "/staff"))
    assert ("music" in {s.what for s in record.heard}) is music


@pytest.mark.parametrize("resumes", [False, True])
async def test_wait_music_after_the_other_left(resumes: bool) -> None:
    with_music = room().replace('waitUrl=""', "")
    office = Office({"/voice": with_music, "/staff": with_music, "/left": "<Hangup/>"})
    async with world(office, behaviour=Behaviour(wait_music_resumes=resumes)) as here:
        record, _ = await meeting(
            here, [Waits(10.0), HangsUp()], (DANA, [Says("Wrong room.", wait=False), HangsUp()], "/staff")
        )
    assert record.heard[-1].what == ("music" if resumes else "silence")


async def test_the_api_shows_and_changes_the_room() -> None:
    office = Office({"/voice": room(), "/staff": room('participantLabel="human"'), "/left": "<Say>Left.</Say>",
                     "/news": "<Say>One minute left.</Say>"})  # fmt: skip
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        ringing = asyncio.create_task(here.ring(caller([Waits(60.0)])))
        here.carrier.add_phone(DANA, staff(after=0.5, hello=False, acts=[Says("Hello?", wait=False)]))
        await asyncio.sleep(1)
        await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/staff")
        await asyncio.sleep(3)
        (shown,) = await api.conferences.list_async(friendly_name="r1")
        assert (shown.status, shown.friendly_name) == ("in-progress", "r1")
        people = api.conferences(shown.sid).participants
        assert [p.label for p in await people.list_async()] == [None, "human"]
        assert (await people("human").update_async(muted=True)).muted
        assert (await people("human").update_async(hold=True)).hold
        await people("human").update_async(muted=False, hold=False, end_conference_on_exit=True)
        assert (await people("human").fetch_async()).end_conference_on_exit
        (sid, *_) = here.carrier.calls
        await people(sid).update_async(announce_url=f"{PUBLIC}/news")
        await asyncio.sleep(3)
        assert await people(sid).delete_async()
        record = await ringing
        with pytest.raises(TwilioRestException) as gone:
            await people(sid).fetch_async()
        assert gone.value.code == 20404
        await api.conferences(shown.sid).update_async(status="completed")
        await here.carrier.settle(30)
        assert (await api.conferences(shown.sid).fetch_async()).reason_conference_ended == "conference-ended-via-api"
        assert not await api.conferences.list_async()
        with pytest.raises(TwilioRestException) as over:
            await api.conferences(shown.sid).update_async(status="completed")
        assert over.value.code == 16022
    assert heard(record, "notice") == ["One minute left.", "Left."]
    assert events(office)[3:10] == [
        "participant-mute", "participant-hold", "participant-unmute", "participant-unhold", "participant-modify",
        "announcement-end", "participant-leave",
    ]  # fmt: skip


async def test_on_hold_nobody_is_heard() -> None:
    office = Office({"/voice": room(), "/staff": room('participantLabel="human"'), "/left": "<Hangup/>"})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        ringing = asyncio.create_task(here.ring(caller([Waits(9.0), Says("Anybody there?", wait=False), HangsUp()])))
        here.carrier.add_phone(DANA, staff(after=0.5, hello=False, acts=[Waits(5.0), Says("Unheard.", wait=False)]))
        await asyncio.sleep(0.5)
        await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/staff")
        await asyncio.sleep(3)
        (shown,) = await api.conferences.list_async()
        await api.conferences(shown.sid).participants("human").update_async(hold=True)
        record = await ringing
        dana = list(here.carrier.calls.values())[1]
    assert not heard(record, "staff")
    assert not heard(dana, "caller")
    assert "music" in {s.what for s in dana.heard}


async def test_a_redirect_takes_a_member_out() -> None:
    office = Office({"/voice": room(), "/staff": room(), "/next": "<Say>Back again.</Say>", "/left": "<Hangup/>"})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        ringing = asyncio.create_task(here.ring(caller([])))
        await asyncio.sleep(2)
        (sid,) = here.carrier.calls
        await api.calls(sid).update_async(url=f"{PUBLIC}/next")
        record = await ringing
        await here.carrier.settle()
    left = office.to("/room")[1]
    assert (left["ReasonParticipantLeft"], left["ParticipantCallStatus"]) == (
        "participant_updated_via_api",
        "in-progress",
    )
    assert office.to("/room")[-1]["ReasonConferenceEnded"] == "last-participant-left"
    assert heard(record, "notice") == ["Back again."]
    assert not office.to("/left")


async def test_a_participant_is_dialled_into_a_new_room() -> None:
    office = Office({"/voice": room(), "/left": "<Hangup/>"})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        here.carrier.add_phone(DANA, staff(after=0.5, hello=False, acts=[Says("Dana here.", wait=False)]))
        made = await api.conferences("r1").participants.create_async(
            from_=OFFICE, to=DANA, label="human", early_media=False, beep="false", wait_url="",
            end_conference_on_exit=True, status_callback=f"{PUBLIC}/leg",
            status_callback_event=["answered", "completed"],
        )  # fmt: skip
        assert (made.status, made.label, made.conference_sid[:2]) == ("queued", "human", "CF")
        record = await here.ring(caller([Until("Dana here."), HangsUp()]))
        with pytest.raises(TwilioRestException) as taken:
            await api.conferences("r1").participants.create_async(from_=OFFICE, to=LUIS, label="human")
        assert taken.value.code == 16025
        await api.conferences(made.conference_sid).participants("human").delete_async()
        await here.carrier.settle(30)
    assert heard(record, "staff") == ["Dana here."]
    assert [a["CallStatus"] for a in office.to("/leg")] == ["in-progress", "completed"]


async def test_a_coach_is_heard_by_one_only() -> None:
    office = Office({"/voice": room(), "/staff": room('participantLabel="human"'), "/left": "<Hangup/>"})
    async with world(office) as here, async_client(here.carrier.api_url) as api:
        ringing = asyncio.create_task(here.ring(caller([Waits(12.0), HangsUp()])))
        here.carrier.add_phone(DANA, staff(after=0.2, hello=False))
        here.carrier.add_phone(
            LUIS, staff(after=0.2, hello=False, acts=[Waits(3.0), Says("Offer a refund.", wait=False)])
        )
        dana = await api.calls.create_async(to=DANA, from_=OFFICE, url=f"{PUBLIC}/staff")
        await asyncio.sleep(2)
        await api.conferences("r1").participants.create_async(
            from_=OFFICE, to=LUIS, coaching=True, call_sid_to_coach=dana.sid, beep="false"
        )
        record = await ringing
        coached = here.carrier.calls[dana.sid]
    assert heard(coached, "staff") == ["Offer a refund."]
    assert not heard(record, "staff")


async def test_star_leaves_where_that_is_allowed() -> None:
    from flowengine.sandbox.carrier import Presses

    office = Office({"/voice": room().replace("<Dial", '<Dial hangupOnStar="true"'), "/left": "<Say>Out.</Say>"})
    async with world(office) as here:
        record = await here.ring(caller([Waits(1.0), Presses("*")]))
    assert heard(record, "notice") == ["Out."]
    assert office.to("/left")[0]["From"] == CALLER
