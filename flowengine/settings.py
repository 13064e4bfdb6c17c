"""The environment, read once at the start into one frozen value."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

PREFIX = "FLOWENGINE_"


class SettingsError(Exception):
    """The environment cannot be used; the message says which name and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names as in design.md section 5; `twilio_…` and `assemblyai_api_key` are read without the prefix."""

    public_url: str = ""
    desk_url: str = ""
    flows: str = "flows"
    database_url: str = "sqlite:///flowengine.db"
    redis_url: str = ""
    secret_key: str = ""
    log_level: str = "info"
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    assemblyai_api_key: str = ""
    twilio_api_url: str = "https://api.twilio.com"
    voice_agent_url: str = "wss://agents.assemblyai.com/v1/ws"
    streaming_url: str = "wss://streaming.assemblyai.com/v3/ws"
    streaming_model: str = "universal-3-6-pro"
    encryption_key: str = ""


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
    given = {field: environment[name] for field, name in _NAMES.items() if environment.get(name)}
    settings = Settings(**given)
    _check(settings)
    return Settings(
        **{
            **given,
            "public_url": settings.public_url.rstrip("/"),
            "desk_url": (settings.desk_url or settings.public_url).rstrip("/"),
            "secret_key": settings.secret_key or secrets.token_urlsafe(32),
        }
    )


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    for name in environment:
        if name.startswith(PREFIX) and name not in _NAMES.values():
            near = difflib.get_close_matches(name, _NAMES.values(), n=1)
            raise SettingsError(f"unknown setting {name}" + (f"; did you mean {near[0]}?" if near else ""))


def _check(settings: Settings) -> None:
    for field in _URLS:
        value = getattr(settings, field)
        if value and not (urlsplit(value).scheme in ("http", "https", "ws", "wss") and urlsplit(value).netloc):
            raise SettingsError(f"{_NAMES[field]} must be an address such as https://example.com, not {value!r}")
    if settings.log_level not in _LEVELS:
        raise SettingsError(f"{_NAMES['log_level']} must be one of {', '.join(_LEVELS)}, not {settings.log_level!r}")
