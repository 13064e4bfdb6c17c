"""What can be checked of our secrets from outside: they are shown by nothing that shows settings, and compared so that
time says nothing."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import flowengine
from flowengine.settings import Settings, SettingsError, read_settings

ROOT = Path(flowengine.__file__).parent
# Everything else may be seen: addresses without passwords, a level, a model, the name of an account.
SECRETS = {
    "secret_key", "twilio_auth_token", "assemblyai_api_key", "encryption_key", "webhook_secrets", "database_url",
    "redis_url", "smtp_url",
}  # fmt: skip
SHOWN = {
    "public_url", "desk_url", "flows", "log_level", "twilio_account_sid", "twilio_api_url", "voice_agent_url",
    "streaming_url", "streaming_model", "private_webhooks", "mail_from", "spool",
}  # fmt: skip


def test_every_setting_is_a_secret_or_known_to_be_none() -> None:
    assert {field.name for field in fields(Settings)} == SECRETS | SHOWN


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_settings_do_not_show_a_secret(name: str) -> None:
    settings = Settings(**{name: "canary"})
    assert "canary" not in f"{settings!r} {settings}"
    assert getattr(settings, name) == "canary"


@pytest.mark.parametrize(
    "name",
    [
        "FLOWENGINE_SECRET_KEY",
        "FLOWENGINE_ENCRYPTION_KEY",
        "TWILIO_AUTH_TOKEN",
        "ASSEMBLYAI_API_KEY",
        "FLOWENGINE_SMTP_URL",
    ],
)
def test_what_is_wrong_with_other_settings_does_not_show_them(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: "canary", "FLOWENGINE_LOG_LEVEL": "loud"})
    assert "canary" not in str(refused.value)


# ---- the source ------------------------------------------------------------------------------------------------------

# name of what is called · why nobody here calls it
NEVER = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "makes text to run",
    "__import__": "imports by text",
    "os.system": "runs a shell",
    "os.popen": "runs a shell",
    "pickle.load": "runs what it reads",
    "pickle.loads": "runs what it reads",
    "marshal.loads": "runs what it reads",
    "yaml.unsafe_load": "builds any object",
    "yaml.full_load": "builds any object",
    "hashlib.md5": "is broken",
    "tempfile.mktemp": "is a race",
    "random.choice": "can be foretold",
    "random.randbytes": "can be foretold",
    "ssl._create_unverified_context": "trusts everybody",
}


def called(source: str) -> set[str]:
    """Every name that is called, `module.function` where it is written so."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            if getattr(node.func, "id", "") == "Markup" and isinstance(node.args[0], ast.JoinedStr | ast.BinOp):
                names.add("Markup of words")
            match node.func:
                case ast.Name(id=name):
                    names.add(name)
                case ast.Attribute(value=ast.Name(id=module), attr=name):
                    names.add(f"{module}.{name}")
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            names.add(f"{node.arg}={node.value.value!r}")
    return names


OURS = [file for file in ROOT.rglob("*.py") if "sandbox" not in file.parts]


def test_nothing_here_runs_text_or_trusts_everybody() -> None:
    forbidden = {
        *NEVER,
        "Markup of words",
        "shell=True",
        "verify=False",
        "verify_ssl=False",
        "ssl=False",
        "autoescape=False",
    }
    found = {file.relative_to(ROOT).as_posix(): called(file.read_text("utf-8")) & forbidden for file in OURS}
    assert len(OURS) > 100
    assert {file: names for file, names in found.items() if names} == {}


def test_that_would_be_found() -> None:
    source = "import os\nos.system('x')\neval('1')\nrun(shell=True)\nMarkup(f'<b>{name}</b>')"
    assert called(source) >= {"os.system", "eval", "shell=True", "Markup of words"}


def test_no_signature_is_compared_with_an_equals_sign() -> None:
    """`hmac.compare_digest` takes the same time whatever is wrong."""
    wrong = []
    for file in OURS:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                names = {
                    each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in ast.walk(node)
                }
                if names & {"signature", "compute_signature"}:
                    wrong.append(f"{file.relative_to(ROOT).as_posix()}:{node.lineno}")
    assert wrong == []


def test_no_template_marks_text_as_safe() -> None:
    folder = ROOT.parent / "templates"
    unsafe = [
        file.name
        for file in folder.rglob("*.*ml")
        if any(word in file.read_text("utf-8") for word in ("|safe", "| safe", "autoescape"))
    ]
    assert len(list(folder.rglob("*.html"))) >= 3
    assert unsafe == []
