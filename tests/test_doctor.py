"""`flowengine doctor` against the emulated vendors: an installation that is ready, and each thing that can be wrong
with one, made on purpose and found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from flowengine.agents import link
from flowengine.app import build
from flowengine.cli import checkup, checkup_world, main
from flowengine.cli.checkup import REMINDERS, Finding
from flowengine.cli.doctor import examine
from flowengine.runtime.clock import LoopClock
from flowengine.runtime.flowbook import Flowbook
from flowengine.sandbox import carrier as phone
from flowengine.sandbox.agent import VoiceAgent
from flowengine.sandbox.transcriber import StreamingService
from flowengine.settings import Settings, read_settings
from flowengine.store.database import migrate, open_engine
from flowengine.transcription import probe
from tests.certificates import self_signed
from tests.flow.office import SMALL

pytestmark = pytest.mark.wall  # certificates and vendors' limits know no paced time

HOST = "office.example"
SID, TOKEN, KEY = "AC" + "5a" * 16, "0123456789abcdef" * 2, "sandbox-assembly-key"
NUMBER = "+13125550100"
FLOW = SMALL.replace("[dana, luis]\n", "[dana, luis]\n    if_no_one_answers: take_message\n")


@dataclass
class Office:
    """A whole installation, ready for calls, and what can be changed about it."""

    environment: dict[str, str]
    carrier: phone.Carrier
    agent: VoiceAgent
    folder: Path
    serve: Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]

    @property
    def flow(self) -> Path:
        return self.folder / "small.yaml"

    async def looked(self, **environment: str) -> list[Finding]:
        """With settings changed; one that is "" is not set."""
        given = {name: value for name, value in {**self.environment, **environment}.items() if value}
        return await examine(read_settings(given), given, str(self.flow))

    async def problems(self, **environment: str) -> list[tuple[str, str]]:
        return [(f.area, f.says) for f in await self.looked(**environment) if f.state == "problem"]

    async def unchecked(self, **environment: str) -> list[str]:
        return [f.area for f in await self.looked(**environment) if f.state == "not checked"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of the office's name that nobody but this test trusts, with its key in one file."""
    file = tmp_path_factory.mktemp("tls") / "office.pem"
    self_signed(file, HOST)
    return file


@pytest.fixture(autouse=True)
def name_service(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    """The office's name leads to this machine, a name that ends in `.invalid` nowhere, and its certificate is good."""
    resolve = socket.getaddrinfo

    def lead(host: Any, *more: Any, **named: Any) -> Any:
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return resolve("127.0.0.1" if host == HOST else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lead)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture(autouse=True)
def a_busy_machine_is_no_dead_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup_world, "SECONDS", 120.0)
    monkeypatch.setattr(checkup, "DATABASE_SECONDS", 120.0)
    monkeypatch.setattr(link, "READY_SECONDS", 120.0)
    monkeypatch.setattr(probe, "BEGIN_SECONDS", 120.0)


@pytest.fixture
async def office(tmp_path: Path, certificate: Path) -> AsyncIterator[Office]:
    carrier = phone.Carrier(account_sid=SID, auth_token=TOKEN, now=lambda: datetime.now(UTC), routes={})
    agent = VoiceAgent(api_key=KEY, now=lambda: datetime.now(UTC))
    transcriber = StreamingService(api_key=KEY, now=lambda: datetime.now(UTC))
    async with contextlib.AsyncExitStack() as stack:
        for each in (carrier, agent, transcriber):
            await each.start()
            stack.push_async_callback(each.stop)
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))  # nobody listens before `serve`
        public = f"https://{HOST}:{listener.getsockname()[1]}"
        (tmp_path / "small.yaml").write_text(FLOW, "utf-8")
        environment = {
            "FLOWENGINE_PUBLIC_URL": public,
            "FLOWENGINE_SECRET_KEY": "s" * 40,
            "FLOWENGINE_DATABASE_URL": f"sqlite:///{tmp_path}/calls.db",
            "FLOWENGINE_TWILIO_API_URL": carrier.api_url,
            "FLOWENGINE_VOICE_AGENT_URL": agent.url,
            "FLOWENGINE_STREAMING_URL": transcriber.url,
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "ASSEMBLYAI_API_KEY": KEY,
        }
        carrier.add_number(NUMBER, f"{public}/twilio/voice", status_callback=f"{public}/twilio/status")

        @contextlib.asynccontextmanager
        async def serve(app: Starlette) -> AsyncIterator[None]:
            config = uvicorn.Config(
                app, ssl_certfile=certificate, ssl_keyfile=certificate, lifespan="off", log_config=None
            )
            server = uvicorn.Server(config)
            server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]
            task = asyncio.create_task(server.serve(sockets=[listener.dup()]))
            while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody otherwise
                await asyncio.sleep(0.01)
            yield
            server.should_exit = True
            await task

        yield Office(environment, carrier, agent, tmp_path, serve)


def engine(settings: Settings, **changes: str) -> Starlette:
    return build(replace(settings, **changes), Flowbook({}, {}), LoopClock(), phrases=None).app


async def test_an_installation_that_is_ready_has_nothing_to_mend(office: Office) -> None:
    async with office.serve(engine(read_settings(office.environment))):
        findings = await office.looked()
    assert [f for f in findings if f.state not in ("ok", "reminder")] == []
    assert {f.area for f in findings if f.state == "ok"} == {
        "flows", "keys", "secret key", "public address", "staff phones", "database", "signature", "music", "Twilio",
        "clock", "numbers", "Voice Agent", "Streaming",
    }  # fmt: skip
    assert [f.says for f in findings if f.area == "to confirm"] == list(REMINDERS)


# what is changed · where it is found · a word of what is said
WRONG = [
    ({"TWILIO_ACCOUNT_SID": ""}, "keys", "TWILIO_ACCOUNT_SID is not set"),
    ({"TWILIO_ACCOUNT_SID": "your account"}, "keys", "does not look like one"),
    ({"TWILIO_AUTH_TOKEN": "f" * 32}, "Twilio", "do not open the account"),
    ({"ASSEMBLYAI_API_KEY": "another-key-of-nobody"}, "Voice Agent", "the key is not taken"),
    ({"ASSEMBLYAI_API_KEY": "another-key-of-nobody"}, "Streaming", "the key is not taken"),
    ({"ASSEMBLYAI_API_KEY": ""}, "keys", "ASSEMBLYAI_API_KEY is not set"),
    ({"FLOWENGINE_SECRET_KEY": ""}, "secret key", "is not set"),
    ({"FLOWENGINE_SECRET_KEY": "short"}, "secret key", "fewer than 32"),
    ({"FLOWENGINE_WEBHOOK_SECRETS": "whsec_x"}, "secret key", "FLOWENGINE_WEBHOOK_SECRETS"),
    ({"FLOWENGINE_ENCRYPTION_KEY": "x"}, "encryption", "FLOWENGINE_ENCRYPTION_KEY"),
    ({"FLOWENGINE_PUBLIC_URL": ""}, "public address", "not set"),
    ({"FLOWENGINE_PUBLIC_URL": "http://office.example"}, "public address", "not encrypted"),
    ({"FLOWENGINE_PUBLIC_URL": "https://localhost"}, "public address", "this network only"),
    ({"FLOWENGINE_PUBLIC_URL": "https://192.168.1.7"}, "public address", "this network only"),
    ({"FLOWENGINE_PUBLIC_URL": "https://office.example/calls"}, "public address", "must end"),
    ({"FLOWENGINE_PUBLIC_URL": "https://nobody.invalid"}, "public address", "leads nowhere"),
    ({"FLOWENGINE_PUBLIC_URL": "https://nobody.invalid"}, "numbers", "not to us"),
    ({"FLOWENGINE_DATABASE_URL": "mysql://x"}, "database", "sqlite:///"),
    ({"FLOWENGINE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "database", "does not answer"),
]


@pytest.mark.parametrize(("changed", "area", "word"), WRONG, ids=lambda value: str(value)[:50])
async def test_a_wrong_setting_is_found(office: Office, changed: dict[str, str], area: str, word: str) -> None:
    assert [says for found, says in await office.problems(**changed) if found == area and word in says]


def flow(office: Office, *changes: tuple[str, str], add: str = "") -> None:
    text = FLOW
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    office.flow.write_text(text + add, "utf-8")


async def test_a_number_that_is_not_ours_or_leads_elsewhere_is_found(office: Office) -> None:
    office.carrier.add_number(NUMBER, "https://elsewhere.example/voice")
    assert ("numbers", f"{NUMBER}: a call leads to elsewhere.example by POST, not to us") in await office.problems()
    public = office.environment["FLOWENGINE_PUBLIC_URL"]
    office.carrier.add_number(NUMBER, f"{public}/twilio/voice", status_callback=f"{public}/status")
    assert ("numbers", f"{NUMBER}: nobody tells us when a caller has hung up") in await office.problems()
    flow(office, ("+1 312-555-0100", "+1 312-555-0109"))
    assert ("numbers", "+13125550109 is not a number of this account") in await office.problems()


async def test_a_sip_office_has_its_numbers_with_its_own_system(office: Office) -> None:
    flow(office, ("phone_numbers: [+1 312-555-0100]", "phone_numbers: [+1 312-555-0109]\n  calls_arrive_by: sip"))
    assert "numbers" in await office.unchecked()


async def test_staff_whose_phone_is_an_offices_number_are_found(office: Office) -> None:
    other = (
        FLOW.replace("flow: small", "flow: other").replace("0100", "0105").replace("+1 312-555-0111", "+1 312-555-0100")
    )
    (office.folder / "other.yaml").write_text(other.replace("Small Office", "Other Office"), "utf-8")
    found = await examine(read_settings(office.environment), office.environment, str(office.folder))
    assert (
        "staff phones",
        "Other Office: Dana's phone is the number of Small Office, so a call would ring itself",
    ) in [(f.area, f.says) for f in found if f.state == "problem"]


async def test_a_number_no_company_gives_out_is_found(office: Office) -> None:
    flow(office, ("+1 312-555-0111", "+1 312-155-0111"))
    assert [area for area, _ in await office.problems()] == ["staff phones"]


async def test_private_fields_ask_for_a_key(office: Office) -> None:
    flow(office, ("  name: Ava\n", "  name: Ava\n  find_out: [{field: birth_date, type: date, private: true}]\n"))
    assert [area for area, _ in await office.problems()] == ["encryption"]
    key = CliRunner().invoke(main, ["key", "encryption"]).output.strip()
    assert await office.problems(FLOWENGINE_ENCRYPTION_KEY=key) == []


async def test_webhooks_want_a_secret_that_their_receivers_know(office: Office) -> None:
    async def reminded(**changes: str) -> list[str]:
        return [f.says for f in await office.looked(**changes) if (f.area, f.state) == ("secret key", "reminder")]

    assert await reminded() == []
    flow(office, add='take_message: {collect: [caller_name], send_to: [{webhook: "https://crm.example/hooks"}]}\n')
    (said,) = await reminded()
    assert "Small Office posts to other systems" in said
    secret = CliRunner().invoke(main, ["key", "webhook"]).output.strip()
    assert await reminded(FLOWENGINE_WEBHOOK_SECRETS=secret) == []


async def test_music_that_cannot_be_played_is_found(office: Office) -> None:
    (office.folder / "hold.wav").write_bytes(b"RIFF nothing of the kind")
    flow(office, add="hold: {music: hold.wav}\n")
    assert [area for area, _ in await office.problems()] == ["music"]
    flow(office, add="hold: {music: https://192.0.2.1/x.wav}\n")
    assert "music" in [area for area, _ in await office.problems(FLOWENGINE_PRIVATE_WEBHOOKS="")]


async def test_e_mail_without_a_mail_server_is_found(office: Office) -> None:
    flow(office, add="take_message: {collect: [caller_name], send_to: [{email: desk@office.example}]}\n")
    assert [area for area, _ in await office.problems()] == ["e-mail"]
    wrong = {"FLOWENGINE_SMTP_URL": "smtp://127.0.0.1:1", "FLOWENGINE_MAIL_FROM": "ava@office.example"}
    assert ("e-mail", "Small Office sends e-mail: the mail server could not be reached") in await office.problems(
        **wrong
    )
    async with mail_server() as port:
        right = {**wrong, "FLOWENGINE_SMTP_URL": f"smtp://127.0.0.1:{port}"}
        assert await office.problems(**right) == []


@contextlib.asynccontextmanager
async def mail_server() -> AsyncIterator[int]:
    """Says hello and goodbye."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            writer.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


# ---- the database ---------------------------------------------------------------------------------------------------


async def test_the_state_of_the_database_is_told(office: Office) -> None:
    address = office.environment["FLOWENGINE_DATABASE_URL"]

    async def told() -> str:
        return next(f"{f.state}: {f.says}" for f in await office.looked() if f.area == "database")

    assert await told() == "ok: is empty; the first start makes its tables"
    assert not (office.folder / "calls.db").exists()  # looking makes nothing
    database = open_engine(address)
    await migrate(database)
    assert await told() == "ok: answers, and its tables are those of this version"
    for revision, expected in (("0001", "ok: is of an earlier version"), ("9999", "problem: was last used by a newer")):
        async with database.begin() as connection:
            await connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        assert (await told()).startswith(expected)
    await database.dispose()


# ---- the public address ---------------------------------------------------------------------------------------------


async def test_a_server_with_another_token_is_found(office: Office) -> None:
    async with office.serve(engine(read_settings(office.environment), twilio_auth_token="e" * 32)):
        problems = await office.problems()
    assert problems == [("public address", "there a signed request is answered 403, a wrongly signed one 403")]


async def test_a_server_that_trusts_everybody_is_found(office: Office) -> None:
    async def trusts(request: Request) -> Response:
        return Response(status_code=204)

    async def healthy(request: Request) -> Response:
        return PlainTextResponse('{"status":"ok"}')

    app = Starlette(routes=[Route("/healthz", healthy), Route("/twilio/status", trusts, methods=["POST"])])
    async with office.serve(app):
        assert ("public address", "there a signed request is answered 204, a wrongly signed one 204") in (
            await office.problems()
        )


async def test_something_else_at_the_address_is_found(office: Office) -> None:
    async def elsewhere(request: Request) -> Response:
        return RedirectResponse("https://elsewhere.example/")

    async with office.serve(Starlette(routes=[Route("/{path:path}", elsewhere, methods=["GET", "POST"])])):
        assert ("public address", "something else answers there (307)") in await office.problems()


async def test_a_server_that_does_not_run_yet_is_no_fault(office: Office) -> None:
    assert await office.unchecked(FLOWENGINE_PUBLIC_URL=f"https://{HOST}:1") == ["public address"]


async def test_a_certificate_nobody_trusts_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(office.flow))  # trusts nobody
    async with office.serve(engine(read_settings(office.environment))):
        assert ("public address", "its certificate is not trusted") in await office.problems()


async def test_services_that_cannot_be_reached_are_not_judged(office: Office) -> None:
    nowhere = {
        "FLOWENGINE_TWILIO_API_URL": "http://127.0.0.1:1",
        "FLOWENGINE_VOICE_AGENT_URL": "ws://127.0.0.1:1/v1/ws",
        "FLOWENGINE_STREAMING_URL": "ws://127.0.0.1:1/v3/ws",
    }
    assert await office.problems(**nowhere) == []
    assert await office.unchecked(**nowhere) == ["Twilio", "Voice Agent", "Streaming", "public address"]


async def test_a_clock_that_is_wrong_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=90)

    monkeypatch.setattr("flowengine.cli.checkup_world.datetime", Late)
    said = next(says for area, says in await office.problems() if area == "clock")
    found = re.fullmatch(r"this machine's clock is (\d+) seconds fast", said)
    assert found
    assert 89 <= int(found[1]) <= 90 + checkup_world.SECONDS  # an answer that takes its time looks like a faster clock


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    """An environment with nothing set."""
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "ASSEMBLYAI_API_KEY", "FLOWENGINE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_the_command_says_what_to_do(alone: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(FLOW, "utf-8")
    result = alone.invoke(main, ["doctor", "--flows", "small.yaml", "--offline"])
    assert result.exit_code == 1
    assert "problem      keys            TWILIO_AUTH_TOKEN is not set\n" in result.output
    assert "→ make one with  flowengine key secret" in result.output
    assert "not checked  the world" in result.output
    assert result.output.endswith("to mend\n")


def test_the_command_as_json(alone: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("flow: small\n", "utf-8")
    result = alone.invoke(main, ["doctor", "--flows", "small.yaml", "--offline", "--json"])
    told = json.loads(result.output)
    assert (result.exit_code, told["ready"], told["format_version"]) == (1, False, 1)
    assert told["findings"][0]["area"] == "flows"
    assert told["problems"] == sum(finding["state"] == "problem" for finding in told["findings"])


def test_the_engine_it_starts_for_itself_says_nothing_and_touches_nothing(
    alone: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What waits in the spool belongs to the engine that serves, and stdout to the findings."""
    (tmp_path / "small.yaml").write_text(FLOW, "utf-8")
    spool = tmp_path / "spool"
    monkeypatch.setenv("FLOWENGINE_PUBLIC_URL", f"https://{HOST}")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("FLOWENGINE_SPOOL", str(spool))
    result = alone.invoke(main, ["doctor", "--flows", "small.yaml", "--offline", "--json"])
    areas = {finding["area"]: finding["state"] for finding in json.loads(result.stdout)["findings"]}
    assert areas["signature"] == "ok"
    assert [file.name for file in tmp_path.iterdir()] == ["small.yaml"]


def test_a_folder_without_flows_and_two_that_clash(alone: CliRunner, tmp_path: Path) -> None:
    assert "no .yaml file" in alone.invoke(main, ["doctor", "--flows", str(tmp_path), "--offline"]).output
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(FLOW.replace("flow: small", f"flow: {name}"), "utf-8")
    assert "already belongs to" in alone.invoke(main, ["doctor", "--flows", str(tmp_path), "--offline"]).output


def test_an_unusable_environment_ends_it(alone: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWENGINE_SECRET", "x")
    assert alone.invoke(main, ["doctor"]).exit_code == 2


def test_no_finding_shows_a_secret(alone: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "TWILIO_AUTH_TOKEN": "canary-token",
        "ASSEMBLYAI_API_KEY": "canary-key x",
        "FLOWENGINE_SECRET_KEY": "canary-secret",
        "FLOWENGINE_DATABASE_URL": "postgresql://office:canary-password@127.0.0.1:1/x",
        "FLOWENGINE_ENCRYPTION_KEY": "canary-encryption",
        "FLOWENGINE_WEBHOOK_SECRETS": "canary-webhook",
        "FLOWENGINE_SMTP_URL": "smtp://office:canary-mail@127.0.0.1:1",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    for more in ([], ["--json"]):
        assert "canary" not in alone.invoke(main, ["doctor", "--offline", *more]).output
