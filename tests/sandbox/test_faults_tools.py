"""An address a tool asks misbehaves (reliability.md F38): the caller is not kept waiting, and nothing is lost."""

from __future__ import annotations

import pytest

from flowengine.sandbox.receiver import HANGS, Reply, redirects
from flowengine.sandbox.world import Options, World
from tests.sandbox.play import SPEED, played
from tests.sandbox.test_outward import BOOKING
from tests.sandbox.wire import call, holds

MISBEHAVES = {
    "hangs": HANGS,
    "comes a byte a second": Reply(200, '{"free": "' + "Tuesday" * 20 + '"}', trickles=True),
    "is broken": Reply(500, "Traceback"),
    "is somewhere else": redirects("http://127.0.0.1:1/inner"),
    "sends ten megabytes": Reply(200, "x" * 10_000_000),
    "sends no JSON": Reply(200, "<html>hello</html>", "text/html"),
}
TAKEN = {"sends no JSON"}  # a 2xx is a yes, in whatever words


def asks(text: str) -> str:
    return text.replace("    sends_to: front_desk  ", '    calls: {post: "${BOOKING}", timeout: 5s}  ')


@pytest.mark.parametrize("how", MISBEHAVES)
def test_a_tool_whose_address_misbehaves_is_answered_in_five_seconds(how: str) -> None:
    def misbehaves(world: World) -> None:
        world.receiver.reply = MISBEHAVES[how]

    made = played("crown", Options(speed=SPEED), change=asks, scenario=call(caller=BOOKING), watch=misbehaves)
    holds(made, most_silence=6.0)
    (asked,), (answered,) = made.times("ToolCalled"), made.times("ToolAnswered")
    assert answered - asked <= 5.0 + 0.5
    lines = [line for journal in made.journals.lines.values() for line in journal]
    (answer,) = [line.body for line in lines if line.kind == "ToolAnswered"]
    assert ('"ok":true' in answer) is (how in TAKEN), answer
    parcels = [post.id for post in made.world.receiver.posts]
    assert len(set(parcels)) == 1  # told again until it is taken, under the same name
