"""What a flow needs of the installation that runs it: places to send to, names to fill in, fields to keep encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from flowengine.flow.model import Delivery, Flow

NAME_IN_TEXT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def deliveries(flow: Flow) -> tuple[Delivery, ...]:
    """Every place a flow sends messages, callbacks, voicemails and cards to, in order of appearance."""
    return (*flow.take_message.send_to, *flow.callback.send_to, *flow.voicemail.send_to, *flow.card.show_on)


def sends_mail(flow: Flow) -> bool:
    """Whether something leaves by e-mail, for which there must be a mail server."""
    return any(place.kind == "email" for place in deliveries(flow))


def posts(flow: Flow) -> bool:
    """Whether something is posted to another system, which will ask who signed it."""
    places = any(place.kind == "webhook" for place in deliveries(flow))
    return places or bool(flow.card.crm_webhook) or any(tool.post for tool in flow.tools)


def private_fields(flow: Flow) -> tuple[str, ...]:
    """The fields marked private: kept encrypted, and said and shown to nobody but the person who takes the call."""
    return tuple(field.name for field in flow.receptionist.find_out if field.private)


# ---- names filled from the environment -----------------------------------------------------------------------------


def filled(flow: Flow, env: Mapping[str, str]) -> Flow:
    """The flow with every `${NAME}` filled; all of them must be set (`unset_names`)."""

    def fill(address: str) -> str:
        return fill_names(address, flow.key, env)

    def places(deliveries: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
        return tuple(replace(place, address=fill(place.address)) for place in deliveries)

    return replace(
        flow,
        tools=tuple(replace(tool, post=fill(tool.post)) for tool in flow.tools),
        card=replace(flow.card, crm_webhook=fill(flow.card.crm_webhook), show_on=places(flow.card.show_on)),
        take_message=replace(flow.take_message, send_to=places(flow.take_message.send_to)),
        callback=replace(flow.callback, send_to=places(flow.callback.send_to)),
        voicemail=replace(flow.voicemail, send_to=places(flow.voicemail.send_to)),
    )


def unset_names(flow: Flow, env: Mapping[str, str]) -> list[str]:
    """The names a flow wants filled that the environment does not fill, in order of appearance."""
    names = (name for address in _addresses(flow) for name in NAME_IN_TEXT.findall(address))
    return list(dict.fromkeys(name for name in names if _value(name, flow.key, env) is None))


def _addresses(flow: Flow) -> Iterator[str]:
    """Every text of a flow in which `${NAME}` may stand."""
    yield from (tool.post for tool in flow.tools)
    yield flow.card.crm_webhook
    yield from (place.address for place in deliveries(flow))


def fill_names(text: str, flow_key: str, env: Mapping[str, str]) -> str:
    """The text with `${NAME}` filled: `<FLOW>_NAME` first, then `NAME`; a name nothing fills stays as it is."""
    return NAME_IN_TEXT.sub(lambda match: _value(match[1], flow_key, env) or match[0], text)


def _value(name: str, flow_key: str, env: Mapping[str, str]) -> str | None:
    return env.get(f"{flow_key.upper()}_{name}") or env.get(name) or None
