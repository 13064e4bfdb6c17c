"""The environment, read once at the start into one frozen value."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

PREFIX = "FLOWENGINE_"
FRESH = "fresh:"  # a secret key made at this start


class SettingsError(Exception):
    """The environment cannot be used; the message says which name and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names as in design.md section 5; `twilio_…` and `assemblyai_api_key` are read without the prefix."""

    public_url: str = ""
    desk_url: str = ""
    flows: str = "flows"
    database_url: str = field(default="sqlite:///flowengine.db", repr=False)  # it may hold a password
    spool: str = ""  # the folder in which an outage of the database is bridged; "" is beside the database
    redis_url: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    log_level: str = "info"
    twilio_account_sid: str = ""
    twilio_auth_token: str = field(default="", repr=False)
    assemblyai_api_key: str = field(default="", repr=False)
    twilio_api_url: str = "https://api.twilio.com"
    voice_agent_url: str = "wss://agents.assemblyai.com/v1/ws"
    streaming_url: str = "wss://streaming.assemblyai.com/v3/ws"
    streaming_model: str = "universal-3-6-pro"
    encryption_key: str = field(default="", repr=False)  # several by commas: the first encrypts, all decrypt
    webhook_secrets: str = field(default="", repr=False)  # `whsec_…`, two during a rotation; "" grows one
    private_webhooks: str = ""  # `yes`: webhooks may go to private addresses, and without TLS
    smtp_url: str = field(default="", repr=False)  # smtp://user:password@host:587 or smtps://…
    mail_from: str = ""

    @property
    def lasting_secret(self) -> str:
        """The secret key where the environment gives one; "" where it is new at each start."""
        return "" if self.secret_key.startswith(FRESH) else self.secret_key


_VENDOR = {
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "assemblyai_api_key": "ASSEMBLYAI_API_KEY",
}
_NAMES = {f.name: _VENDOR.get(f.name, PREFIX + f.name.upper()) for f in fields(Settings)}
_URLS = ("public_url", "desk_url", "twilio_api_url", "voice_agent_url", "streaming_url")
_LEVELS = ("debug", "info", "warning", "error")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises `SettingsError` for an unknown `FLOWENGINE_…` name or a value that cannot be right."""
    _refuse_unknown(environment)
    given = {key: environment[name] for key, name in _NAMES.items() if environment.get(name)}
    settings = Settings(**given)
    _check(settings)
    return Settings(
        **{
            **given,
            "public_url": settings.public_url.rstrip("/"),
            "desk_url": (settings.desk_url or settings.public_url).rstrip("/"),
            "secret_key": settings.secret_key or FRESH + secrets.token_urlsafe(32),
        }
    )


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    for name in environment:
        if name.startswith(PREFIX) and name not in _NAMES.values():
            ours = {known.removeprefix(PREFIX): known for known in _NAMES.values() if known.startswith(PREFIX)}
            near = difflib.get_close_matches(name.removeprefix(PREFIX), ours, n=1)
            right = f"did you mean {ours[near[0]]}?" if near else f"known are {', '.join(sorted(ours.values()))}"
            raise SettingsError(f"unknown setting {name}; {right}")


def _check(settings: Settings) -> None:
    for name in _URLS:
        value = getattr(settings, name)
        if value and not (urlsplit(value).scheme in ("http", "https", "ws", "wss") and urlsplit(value).netloc):
            raise SettingsError(f"{_NAMES[name]} must be an address such as https://example.com, not {value!r}")
    if settings.private_webhooks not in ("", "yes", "no"):
        raise SettingsError(f"{_NAMES['private_webhooks']} must be yes or no, not {settings.private_webhooks!r}")
    if settings.smtp_url and urlsplit(settings.smtp_url).scheme not in ("smtp", "smtps"):
        raise SettingsError(f"{_NAMES['smtp_url']} must be like smtp://user:password@mail.example.com:587")
    if settings.log_level not in _LEVELS:
        raise SettingsError(f"{_NAMES['log_level']} must be one of {', '.join(_LEVELS)}, not {settings.log_level!r}")
