"""What became of texts after the carrier took them: told by signed callbacks, read in our words, handed on."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.testclient import TestClient
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from flowengine.carriers.twilio.links import report_address
from flowengine.carriers.twilio.reports import report_route, reported
from flowengine.runtime.senders import Arrived, Failed
from flowengine.settings import Settings

PUBLIC, TOKEN = "https://demo.test", "0" * 32
SETTINGS = Settings(public_url=PUBLIC, twilio_auth_token=TOKEN)
FORM = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "delivered", "To": "+13125550111", "SomethingNew": "é"}


class Reports:
    """Takes reports; while `broken`, it cannot."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Arrived | Failed]] = []
        self.broken = False
        self.web = TestClient(Starlette(routes=[report_route(SETTINGS, self.take)]), base_url="http://inside:8000")

    async def take(self, letter: str, word: Arrived | Failed) -> None:
        if self.broken:
            raise OSError("the disk is full")
        self.taken.append((letter, word))

    def told(self, form: dict[str, str], letter: str = "c1-d1", token: str = TOKEN) -> int:
        address = report_address(PUBLIC, letter)
        assert address is not None
        signature = RequestValidator(token).compute_signature(address, FormData([*form.items()]))
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        path = address.removeprefix(PUBLIC)
        return self.web.post(path, content=urlencode(form), headers=headers).status_code


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        ("delivered", "", Arrived()),
        ("read", "", Arrived()),
        ("undelivered", "30003", Failed("the phone is off or out of reach (30003)", final=True)),
        ("failed", "30034", Failed("the office's number is not registered for texts (30034)", final=True)),
        ("undelivered", "30999", Failed("the text did not reach the phone (30999)", final=True)),
        ("undelivered", "", Failed("the text did not reach the phone", final=True)),
        ("failed", "²", Failed("the text did not reach the phone", final=True)),
        ("failed", "+13125550111", Failed("the text did not reach the phone", final=True)),
        ("queued", "", None),
        ("sending", "", None),
        ("sent", "", None),
        ("", "", None),
        ("something new", "30003", None),
    ],
)
def test_only_how_it_ended_is_news(status: str, code: str, word: Arrived | Failed | None) -> None:
    assert reported({"MessageStatus": status, "ErrorCode": code}) == word
    assert reported({"SmsStatus": status, "ErrorCode": code}) == word


def test_a_signed_report_is_handed_on_and_any_other_refused() -> None:
    reports = Reports()
    assert reports.told(FORM) == 204
    assert reports.told(FORM | {"MessageStatus": "sent"}) == 204
    assert reports.told(FORM, token="1" * 32) == 403
    assert reports.web.post("/twilio/texts/c1-d1", data=FORM).status_code == 403
    assert reports.web.get("/twilio/texts/c1-d1").status_code == 405
    assert reports.taken == [("c1-d1", Arrived())]


def test_an_id_of_any_kind_comes_back_as_it_was() -> None:
    reports = Reports()
    for letter in ("c1-d1", "c 1-d1", "ä"):
        assert reports.told(FORM, letter) == 204
    assert [letter for letter, _ in reports.taken] == ["c1-d1", "c 1-d1", "ä"]


def test_what_could_not_be_kept_is_not_thanked_for() -> None:
    reports = Reports()
    reports.broken = True
    assert reports.told(FORM) == 503


def test_without_a_public_address_no_report_is_asked_for() -> None:
    assert report_address("", "c1-d1") is None
