"""Any order, repetition and delay of news: what must hold of a call whatever the world does."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call.journal import decode, encode, encode_commands, replay
from flowengine.call.state import Call, Phase, handoffs
from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from tests.call.story import CALLER, ROOT, Story, office, staff

Happening = Callable[[Story], Story]


def _of(make: Callable[..., e.Event]) -> Happening:
    return lambda story: story.happens(make, 1.0)


def _leg_events(n: int) -> list[Happening]:
    leg, ref = staff(n), f"REF-{n}"
    return [
        _of(lambda at: e.LegCreated(at, leg, ref)),
        _of(lambda at: e.LegRinging(at, leg, ref)),
        _of(lambda at: e.LegUnknown(at, leg)),
        _of(lambda at, request: e.LegAnswered(at, leg, ref, request)),
        _of(lambda at, request: e.StaffPressed(at, leg, "1", request)),
        _of(lambda at, request: e.StaffPressed(at, leg, "", request)),
        _of(lambda at: e.MachineDetected(at, leg)),
        _of(lambda at: e.LegEnded(at, leg, "busy")),
        _of(lambda at: e.LegEnded(at, leg, "completed")),
        _of(lambda at: e.TimerFired(at, f"ring:{leg}")),
        _of(lambda at: e.TimerFired(at, f"key:{leg}")),
        lambda story: _in_room(story, leg),
    ]


def _in_room(story: Story, leg: str) -> Story:
    room = story.call.handoff.room if story.call.handoff else "c1-room-0"
    return story.happens(lambda at: e.JoinedRoom(at, leg, room))


def _line(story: Story, make: Callable[[float, str], e.Event]) -> Story:
    line = story.call.line.id if story.call.line else "c1-line-0"
    return story.happens(lambda at: make(at, line))


def _left(story: Story) -> Story:
    room = story.call.handoff.room if story.call.handoff else "c1-room-0"
    return story.happens(lambda at, request: e.CallerLeftRoom(at, request, room))


TIMERS = (
    "fields", "hold", "update", "bridge", "confirm", "message", "unclear", "back", "goodbye", "quiet", "gauged",
    "only_if", "rule:long",
)  # fmt: skip


def _timer(name: str) -> Happening:
    return lambda story: story.timer(name, 1.0)


HAPPENINGS: list[Happening] = [
    *(happening for n in range(1, 5) for happening in _leg_events(n)),
    *(_timer(name) for name in TIMERS),
    lambda story: story.media(),
    _of(lambda at: e.MediaEnded(at, 1)),
    _of(lambda at, request: e.CallerReturned(at, request)),
    _of(lambda at: e.AgentReady(at)),
    _of(lambda at: e.AgentFailed(at, "dropped")),
    _of(lambda at: e.EngineRestarted(at)),
    _of(lambda at: e.CallerMoveFailed(at, False, "500")),
    _of(lambda at: e.CardConfirmed(at, "page")),
    _of(lambda at, request: e.MessageRecorded(at, request, "u", 3.0)),
    _of(lambda at, request: e.ReferAnswered(at, request, False, "")),
    _of(lambda at, request: e.DialEnded(at, request, "no_answer", False)),
    lambda story: _line(story, lambda at, line: e.LinePlayed(at, line)),
    lambda story: _line(story, lambda at, line: e.LineFailed(at, line)),
    lambda story: _in_room(story, CALLER),
    _left,
    lambda story: story.says("My crown fell out"),
    lambda story: story.says("can I talk to a person"),
    lambda story: story.says("he can't breathe"),
    lambda story: story.says("never mind"),
    lambda story: story.presses("0"),
    lambda story: story.presses("1"),
    lambda story: story.notes("caller_name", "Maria Lopez"),
    lambda story: story.notes("reason", "a bill"),
    lambda story: story.agent_calls("transfer_to_human", rule="billing_dispute"),
    lambda story: story.agent_calls("transfer_to_human", rule="partners_only"),
    lambda story: story.notes("kind", "company"),
    lambda story: story.agent_calls("switch_language", language="Spanish"),
    lambda story: story.agent_calls("switch_language", language="English"),
    _of(lambda at: e.SpeechStarted(at)),
    _of(lambda at: e.ReplyStarted(at, "r1")),
    _of(lambda at: e.ReplyHeard(at, "r1")),
    _of(lambda at: e.ReplyStarted(at, "r2")),
    _of(lambda at: e.ReplyHeard(at, "r2")),
    _of(lambda at: e.SpeechGauged(at, 0.2)),
    _of(lambda at: e.SpeechGauged(at, 0.9)),
]

# The office with every condition there is.
RULES = """
  - {rule: friend, known_caller: [friends, called before], to: front_desk}
  - {rule: only, caller_says: crown, to: front_desk, only_if: {kind: person}}
  - {rule: partners_only, topic: partnership, to: front_desk, only_if: {kind: company, dialled: +1 312-555-0100}}
  - {rule: spanish, caller_says: person, to: front_desk, only_if: {language: Spanish}}
  - {rule: mumbled, confidence_below: 40%, to: front_desk}
  - {rule: quiet, quiet_for: 10s, to: {hang_up: Goodbye.}}
  - {rule: long, call_longer_than: 30s, to: front_desk}
"""


def everything() -> Flow:
    file = ROOT / "flows" / "dental_office.yaml"
    text = file.read_text("utf-8").partition("\ntests:")[0]
    for old, new in (
        ("  - rule: billing_dispute\n", f"{RULES}  - rule: billing_dispute\n"),
        ("  languages: [English]\n", "  languages: [English, Spanish]\n"),
        ("receptionist:\n", "known_callers: {friends: +1 312-555-0191}\nreceptionist:\n"),
        (
            "    - {field: reason, required: true}\n",
            "    - {field: reason, required: true}\n    - {field: kind, type: choice, choices: [person, company]}\n",
        ),
    ):
        assert old in text, old
        text = text.replace(old, new, 1)
    return compile_flow(text, str(file))


FLOWS = (office(), everything())

interleavings = st.lists(st.sampled_from(range(len(HAPPENINGS))), max_size=60)


def _play(steps: list[int], *, ends: bool = False) -> Story:
    """Half of the calls are one to the office with every condition, some of them from somebody it knows."""
    flow = FLOWS[len(steps) % 2]
    story = Story(flow, caller="+13125550191" if len(steps) % 4 == 3 else "+13125550199").picked_up()
    for index in steps:
        HAPPENINGS[index](story)
        _holds(story)
    return story.hangs_up() if ends else story


def _holds(story: Story) -> None:
    """What is true after every event."""
    call = story.call
    accepted = [a.leg for h in handoffs(call) for a in h.attempts if a.outcome == "accepted" and not a.over]
    assert len([leg for leg in accepted if call.handoff and leg == call.handoff.winner]) <= 1, (
        "at most one person joined"
    )
    if call.phase == Phase.CONNECTED:
        assert call.handoff is not None
        assert call.handoff.winner in accepted or call.outcome == "connected"
    request = getattr(story.events[-1], "request", "")
    answers = [a for a in story.did(c.Answer) if a.request == request]
    assert len(answers) == bool(request), "each question has one answer"
    if call.phase != Phase.TALKING:
        assert call.quiet.since is None, "on hold nobody is quiet"
    if call.handoff is not None:
        assert call.held is None, "a hand-off waits for no answer"
        assert call.handoff.rule not in ("only",) or call.fields.get("kind") == "person", "its only_if was so"
    if call.phase == Phase.RINGING:
        assert any(a.outcome is None for a in call.handoff.attempts) if call.handoff else False, (
            "ringing means a phone rings"
        )


@settings(max_examples=300)
@given(interleavings)
def test_nothing_the_world_does_breaks_a_call(steps: list[int]) -> None:
    _play(steps)


@settings(max_examples=200)
@given(interleavings)
def test_each_call_ends_once_and_leaves_no_phone_ringing(steps: list[int]) -> None:
    story = _play(steps, ends=True)
    assert len(story.ever(c.EndCall)) == 1
    assert story.call.phase == Phase.ENDED
    rung = {ring.leg for ring in story.ever(c.RingStaff)}
    attempts = {a.leg: a for h in handoffs(story.call) for a in h.attempts}
    let_go = {x.leg for x in story.all if isinstance(x, c.CancelLeg | c.MoveStaff)}
    assert all(attempts[leg].outcome is not None for leg in rung)
    assert all(leg in let_go or attempts[leg].over or attempts[leg].answered for leg in rung)


@settings(max_examples=200)
@given(interleavings)
def test_a_phone_is_rung_at_most_once_an_attempt_and_within_the_limit(steps: list[int]) -> None:
    story = _play(steps)
    legs = [ring.leg for ring in story.ever(c.RingStaff)]
    assert len(legs) == len(set(legs))
    assert len(legs) <= story.flow.most_phones_rung


@settings(max_examples=100)
@given(interleavings)
def test_the_journal_run_again_gives_the_same_commands(steps: list[int]) -> None:
    story = _play(steps)
    events = [decode(*encode(event)) for event in story.events]
    assert events == story.events
    again = list(replay(story.flow, events))
    assert [command for s in again for command in s.commands] == story.all
    recorded = [encode_commands(s.commands) for s in again]
    assert all(s.differs_from is None for s in replay(story.flow, events, recorded))


def test_a_journal_that_differs_is_shown() -> None:
    story = Story().picked_up()
    recorded = [encode_commands(s.commands) for s in replay(story.flow, story.events)]
    recorded[0] = "[]"
    assert [s.differs_from for s in replay(story.flow, story.events, recorded)] == ["[]", None, None]


def test_an_event_before_the_call_changes_nothing() -> None:
    story = Story()
    call = Call()
    from flowengine.call.machine import step

    assert step(story.flow, call, e.LegEnded(1.0, staff(1), "busy")) == (Call(at=1.0), ())
