"""The bridge a tutorial shows, as the measure for ours: Starlette, uvicorn and websockets as they come, two pumps a
call. `bench_calls.py` starts it: `tutorial_bridge.py --port 8000 --agent ws://127.0.0.1:9000/v1/ws`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import suppress

import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

FORMAT = {"encoding": "audio/pcmu"}
SESSION = {
    "system_prompt": "You answer the phone of a dental office.",
    "greeting": "Hello, how can I help?",
    "input": {"format": FORMAT},
    "output": {"voice": "anna", "format": FORMAT},
    "tools": [],
}


def bridge(agent_url: str) -> Starlette:
    async def healthz(request: Request) -> Response:
        return Response("ok")

    async def voice(request: Request) -> Response:
        stream = f"wss://{request.headers['host']}/twilio/media"
        return Response(f'<Response><Connect><Stream url="{stream}"/></Connect></Response>', media_type="text/xml")

    async def media(caller: WebSocket) -> None:
        await caller.accept()
        async with websockets.connect(agent_url, additional_headers={"Authorization": "Bearer key"}) as agent:
            await agent.send(json.dumps({"type": "session.update", "session": SESSION}))
            stream = ""

            async def from_caller() -> None:
                nonlocal stream
                with suppress(WebSocketDisconnect):
                    async for text in caller.iter_text():
                        message = json.loads(text)
                        if message["event"] == "start":
                            stream = message["start"]["streamSid"]
                        elif message["event"] == "media":
                            audio = message["media"]["payload"]
                            await agent.send(json.dumps({"type": "input.audio", "audio": audio}))
                await agent.close()  # so that one call after the other can be measured

            async def from_agent() -> None:
                async for text in agent:
                    message = json.loads(text)
                    if message["type"] == "reply.audio":
                        media = {"event": "media", "streamSid": stream, "media": {"payload": message["data"]}}
                        await caller.send_text(json.dumps(media))

            await asyncio.gather(from_caller(), from_agent())

    routes = [Route("/healthz", healthz), Route("/twilio/voice", voice, methods=["POST"])]
    return Starlette(routes=[*routes, WebSocketRoute("/twilio/media", media)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--agent", required=True)
    options = parser.parse_args()
    uvicorn.run(bridge(options.agent), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
