"""Repeat rate and time to context against a listener: what the measures make of talks that were labelled by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowengine.call.measures import HandOver
from tests.call.labelled_talks import Labelled, Talk, labelled, measured

CALLS = labelled()
PAGE = (Path(__file__).parents[2] / "docs" / "figures.md").read_text("utf-8")


def agrees(talk: Talk, found: HandOver) -> bool:
    assert found.transcribed
    assert found.repeated is not None
    same_time = found.context is not None and found.context == pytest.approx(talk.context, abs=0.05)
    return bool(found.repeated) == talk.repeated and same_time


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_measures_agree_with_the_listener_but_where_it_is_listed(call: Labelled) -> None:
    for talk, found in zip(call.talks, measured(call), strict=True):
        assert agrees(talk, found) == (talk.disagrees == ""), found
        if talk.disagrees:  # and is measured as the page of the figures says
            assert bool(found.repeated) == talk.disagrees.startswith("Measured as repeated")
            assert (found.context is None) == ("context as never reached" in talk.disagrees)


def test_the_disagreements_are_told_on_the_page_of_the_figures() -> None:
    talks = [(call, talk) for call in CALLS for talk in call.talks]
    differing = [(call, talk) for call, talk in talks if talk.disagrees]
    assert (len(talks), len(talks) - len(differing), len(differing)) == (22, 17, 5)
    said = " ".join(PAGE.split())
    assert "Twenty-two talks" in PAGE
    assert "agree with the listener in seventeen. These are the five" in said
    for call, talk in differing:
        assert f"**{call.about}** {talk.disagrees}" in said
    assert len(re.findall(r"^- \*\*.+\*\* Measured", said.replace(" - **", "\n- **"), re.M)) == len(differing)
