"""Keys as an operator meets them: made, changed, wrong, missing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from flowengine.cli import main
from flowengine.cli.serve import say_if_unreadable
from flowengine.settings import Settings

from .store.world import another, real_lines, whole_call

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
VENDORS = {
    "FLOWENGINE_PUBLIC_URL": "https://office.example",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token",
    "ASSEMBLYAI_API_KEY": "key",
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a call that was kept with the old key."""
    url = f"sqlite:///{tmp_path}/calls.db"

    async def kept() -> None:
        async with another(url, OLD) as store:
            await whole_call(store)

    asyncio.run(kept())
    return url


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={f"FLOWENGINE_{name}": value for name, value in environment.items()}).invoke(main, arguments)


@pytest.mark.parametrize("kind", ["encryption", "webhook", "secret"])
def test_a_new_key_each_time(kind: str) -> None:
    assert run("key", kind).stdout != run("key", kind).stdout
    assert run("key").exit_code == 0


def test_a_key_is_changed(url: str) -> None:
    done = run("key", "rotate", DATABASE_URL=url, ENCRYPTION_KEY=f"{NEW},{OLD}")
    assert (done.exit_code, done.stdout) == (0, "14 texts encrypted with the first key\n")
    done = run("key", "rotate", DATABASE_URL=url, ENCRYPTION_KEY=NEW)
    assert (done.exit_code, done.stdout) == (0, "0 texts encrypted with the first key\n")

    async def read() -> None:
        async with another(url, NEW) as store:
            assert await store.journal("c1") == real_lines()
            assert (await store.verify_accesses("dental_office")).sealed == 1

    asyncio.run(read())


def test_texts_of_a_lost_key_are_counted(url: str) -> None:
    done = run("key", "rotate", DATABASE_URL=url, ENCRYPTION_KEY=NEW)
    assert (done.exit_code, done.stdout) == (1, "0 texts encrypted with the first key\n")
    assert "14 texts cannot be read" in done.stderr


def test_there_must_be_a_key_to_change_to(url: str) -> None:
    done = run("key", "rotate", DATABASE_URL=url, ENCRYPTION_KEY="")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "FLOWENGINE_ENCRYPTION_KEY" in done.stderr


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"ENCRYPTION_KEY": "hunter2"}, "key 1 is no key"),
        ({"ENCRYPTION_KEY": OLD, "DATABASE_URL": "mysql://u:hunter2@host/x"}, "a database is sqlite:///"),
        ({"ENCRYPTION_KEY": OLD, "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}, "cannot use the database"),
    ],
    ids=["no key", "no database of ours", "nobody there"],
)
def test_serving_with_what_cannot_be_used_ends_in_words(environment: dict[str, str], why: str) -> None:
    names = {f"FLOWENGINE_{name}": value for name, value in environment.items()}
    done = CliRunner(env=VENDORS | names).invoke(main, ["serve", "--flows", "flows/dental_office.yaml", "--port", "0"])
    assert done.exit_code == 2
    assert why in done.stderr
    assert "hunter2" not in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("key", "said"),
    [("", True), (NEW, True), (OLD, False), (f"{NEW},{OLD}", False)],
    ids=["no key", "another", "its own", "another and its own"],
)
def test_a_database_of_another_key_is_said_and_stops_no_telephone(
    url: str, key: str, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    say_if_unreadable(Settings(database_url=url, encryption_key=key))
    assert ("cannot be read" in capsys.readouterr().err) is said
