"""What a call costs while caller and receptionist talk: the engine beside the bridge a tutorial shows, in one run.

    python benchmarks/bench_calls.py [--calls 100] [--seconds 10] [--repeat 3] [--most] [--short] [--ahead] [--json]

One core runs a bridge in a process of its own. The other runs this process, which is the carrier and the voice agent of
every call: 50 messages of 20 ms a second from each caller, 25 of 40 ms from the agent, both without a pause. The engine
is the whole of it, as `flowengine serve` starts it, with its journal, figures and signature checks; once with the fast
sockets and once with the plain ones. The tutorial's bridge is `tutorial_bridge.py`.

- *CPU* is the time the bridge's threads ran, by the system's count, for one minute of one call.
- *Added latency* is from sending a frame to its arrival at the other party, each way; the parties' own work is in it.
- *Memory* is what the process holds more with its calls than before they came, divided by them.
- The order is shuffled. A window in which the bridge or the parties waited more than 3 % of the time for a processor
  that somebody else had is measured again, three times at most; the least disturbed is kept, and flagged.
- `--ahead` gives both nearly all of the two cores whenever they want them, for windows on a machine that is busy with
  other things (Linux's groups of processes; needs root).
- `--most` looks for the largest number of calls with p99 under 20 ms both ways, at most 0.5 % of frames lost and no
  call dropped, in steps of a quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import aiohttp
import uvloop
from call_parties import PUBLIC, TOKEN, CallerLeg, Direction, Parties

HERE = Path(__file__).resolve().parent

BRIDGE_CORE, PARTIES_CORE = 0, 1
AT_ONCE = 8  # calls that begin together
STARTS_WITHIN, BEGINS_WITHIN = 60.0, 30.0  # seconds
SETTLES = 2.0
WAITED_MOST, TRIES = 0.03, 4
SLOWEST, LOST_MOST = 0.020, 0.005
PLAIN = "import sys; sys.modules['picows'] = None; from flowengine.cli import main; main()"


# ---- a bridge in its process -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds a process has run, and has waited for a processor, since it began."""

    ran: float
    waited: float

    @classmethod
    def of(cls, pid: int) -> Times:
        ran = 0.0
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # a thread that has just ended
                ran += int((task / "schedstat").read_text().split()[0]) / 1e9
        return cls(ran, int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9)

    def __sub__(self, earlier: Times) -> Times:
        return Times(self.ran - earlier.ran, self.waited - earlier.waited)


def memory(pid: int) -> int:
    """Bytes a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _commands(port: int, agent_url: str) -> dict[str, list[str]]:
    serve = ["serve", "--flows", str(HERE.parent / "flows" / "dental_office.yaml"), "--host", "127.0.0.1"]
    listens = ["--port", str(port)]
    return {
        "tutorial": [sys.executable, str(HERE / "tutorial_bridge.py"), *listens, "--agent", agent_url],
        "engine, plain sockets": [sys.executable, "-c", PLAIN, *serve, *listens],
        "engine": [sys.executable, "-m", "flowengine", *serve, *listens],
    }


BRIDGES = tuple(_commands(0, ""))


def _environment(agent_url: str, folder: str) -> dict[str, str]:
    """Nothing of the one this runs in but what a process needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(HERE.parent),
        "XDG_CACHE_HOME": folder,
        "FLOWENGINE_PUBLIC_URL": PUBLIC,
        "FLOWENGINE_DATABASE_URL": f"sqlite:///{folder}/calls.db",
        "FLOWENGINE_LOG_LEVEL": "error",
        "FLOWENGINE_VOICE_AGENT_URL": agent_url,
        "FLOWENGINE_TWILIO_API_URL": "http://127.0.0.1:9",  # nobody: no person is rung here
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "ASSEMBLYAI_API_KEY": "key",
    }


@dataclass(frozen=True, slots=True)
class Running:
    pid: int
    port: int
    started: float  # seconds from the start of the process to its first answer


@asynccontextmanager
async def running(name: str, parties: Parties, web: aiohttp.ClientSession) -> AsyncIterator[Running]:
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
        free.close()
        command, environment = _commands(port, parties.agent_url)[name], _environment(parties.agent_url, folder)
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=folder, stderr=asyncio.subprocess.DEVNULL
        )
        os.sched_setaffinity(process.pid, {BRIDGE_CORE})
        try:
            await _answers(web, port)
            yield Running(process.pid, port, time.monotonic() - began)
        finally:
            process.kill()
            await process.wait()


async def _answers(web: aiohttp.ClientSession, port: int) -> None:
    async with asyncio.timeout(STARTS_WITHIN):
        while True:
            with suppress(aiohttp.ClientError):
                async with web.get(f"http://127.0.0.1:{port}/healthz"):
                    return
            await asyncio.sleep(0.02)  # nobody announces it


# ---- windows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of time with so many calls; latencies in milliseconds."""

    calls: int
    cpu: float  # seconds a call-minute
    inward: tuple[float, float]  # p50, p99: caller to agent
    outward: tuple[float, float]
    lost: float  # share of frames
    disturbed: float  # share of the time somebody else had our processor

    @property
    def bears(self) -> bool:
        return max(self.inward[1], self.outward[1]) < SLOWEST * 1000 and self.lost <= LOST_MOST


def _spread(direction: Direction) -> tuple[float, float]:
    ordered = sorted(direction.took) or [float("inf")]
    return tuple(round(1000 * ordered[int(share * (len(ordered) - 1))], 2) for share in (0.5, 0.99))  # type: ignore[return-value]


async def window(bridge: Running, parties: Parties, calls: int, seconds: float) -> Window:
    pids = (bridge.pid, os.getpid())
    parties.empty()
    began, before = time.monotonic(), [Times.of(pid) for pid in pids]
    await asyncio.sleep(seconds)
    used, lasted = [Times.of(pid) - early for pid, early in zip(pids, before, strict=True)], time.monotonic() - began
    sent = parties.inward.sent + parties.outward.sent
    arrived = len(parties.inward.took) + len(parties.outward.took)
    return Window(
        calls,
        used[0].ran * 60 / (lasted * calls),
        _spread(parties.inward),
        _spread(parties.outward),
        max(0.0, 1 - arrived / sent),
        max(each.waited for each in used) / lasted,
    )


async def quiet_window(bridge: Running, parties: Parties, calls: int, seconds: float) -> Window:
    """The least disturbed of at most four."""
    tried: list[Window] = []
    while len(tried) < TRIES:
        tried.append(await window(bridge, parties, calls, seconds))
        if tried[-1].disturbed <= WAITED_MOST:
            break
    return min(tried, key=lambda each: each.disturbed)


@dataclass
class Calls:
    """The calls of one bridge."""

    bridge: Running
    parties: Parties
    web: aiohttp.ClientSession

    def __post_init__(self) -> None:
        self.legs: list[CallerLeg] = []

    async def grow(self, to: int) -> None:
        async with asyncio.timeout(BEGINS_WITHIN + to / 10):
            while len(self.legs) < to:
                several = range(len(self.legs), min(to, len(self.legs) + AT_ONCE))
                ringing = (self.parties.ring(self.web, self.bridge.port, number) for number in several)
                self.legs += await asyncio.gather(*ringing)

    async def settled(self) -> None:
        """Until frames of all calls come through both ways."""
        async with asyncio.timeout(BEGINS_WITHIN):
            while True:
                self.parties.empty()
                await asyncio.sleep(0.5)
                expected = 0.4 * len(self.legs) * 0.5
                if len(self.parties.outward.took) > expected * 25 and len(self.parties.inward.took) > expected * 50:
                    break
        await asyncio.sleep(SETTLES)

    def leave(self) -> None:
        for leg in self.legs:
            leg.leave()


@dataclass(frozen=True, slots=True)
class Result:
    bridge: str
    started: float  # seconds
    memory: float  # KB a call
    window: Window
    most: int  # calls; 0: not looked for


async def measured(name: str, parties: Parties, options: argparse.Namespace) -> Result:
    async with aiohttp.ClientSession() as web, running(name, parties, web) as bridge:
        await asyncio.sleep(SETTLES)
        calls, before = Calls(bridge, parties, web), memory(bridge.pid)
        await calls.grow(options.calls)
        await calls.settled()
        held = (memory(bridge.pid) - before) / 1024 / options.calls
        found = await quiet_window(bridge, parties, options.calls, options.seconds)
        most = await _most(calls, found) if options.most else 0
        parties.silence()
        calls.leave()
        await asyncio.sleep(0.5)
    parties.lost = 0
    return Result(name, bridge.started, held, found, most)


async def _most(calls: Calls, first: Window) -> int:
    """The last number of calls that was borne."""
    most, parties = first.calls if first.bears else 0, calls.parties
    while True:
        wanted = len(calls.legs) * 5 // 4
        try:
            await calls.grow(wanted)
            await calls.settled()
        except TimeoutError:
            return most
        tried = await quiet_window(calls.bridge, parties, wanted, 2.5)
        if not tried.bears or parties.lost:
            return most
        most = wanted


# ---- the table -------------------------------------------------------------------------------------------------------


def _median(results: Sequence[Result], of: Callable[[Result], float]) -> float:
    return statistics.median(map(of, results))


def table(results: Sequence[Result], options: argparse.Namespace) -> str:
    print_of = {name: [each for each in results if each.bridge == name] for name in BRIDGES}
    versions = " ".join(f"{each} {version(each)}" for each in ("uvicorn", "websockets", "picows", "msgspec", "uvloop"))
    lines = [
        f"{options.calls} calls, {options.seconds:g} s windows, {options.repeat} repetitions; medians (least-most)",
        f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores",
        "",
        "| bridge | CPU s per call-minute | vs tutorial | in p50 / p99 ms | back p50 / p99 ms | KB/call | start s |"
        + (" most calls |" if options.most else ""),
        "| --- | --- | --- | --- | --- | --- | --- |" + (" --- |" if options.most else ""),
    ]
    base = print_of["tutorial"]
    for name, found in print_of.items():
        if found:
            lines.append(_row(name, found, base))
    return "\n".join(lines)


def _row(name: str, found: Sequence[Result], base: Sequence[Result]) -> str:
    cpus = [each.window.cpu for each in found]
    flagged = sum(each.window.disturbed > WAITED_MOST for each in found)
    inward, outward = (
        " / ".join(f"{_median(found, lambda each: getattr(each.window, way)[at]):.2f}" for at in (0, 1))  # noqa: B023
        for way in ("inward", "outward")
    )
    cells = [
        name + (f" ({flagged} of {len(found)} flagged)" if flagged else ""),
        f"{statistics.median(cpus):.3f} ({min(cpus):.3f}-{max(cpus):.3f})",
        f"{statistics.median(cpus) / _median(base, lambda each: each.window.cpu):.2f}" if base else "-",
        inward,
        outward,
        f"{_median(found, lambda each: each.memory):.0f}",
        f"{_median(found, lambda each: each.started):.2f}",
    ]
    most = _median(found, lambda each: each.most)
    return "| " + " | ".join(cells + ([f"{most:.0f}"] if most else [])) + " |"


async def everything(options: argparse.Namespace) -> list[Result]:
    parties = Parties()
    await parties.start()
    order = [name for name in BRIDGES if name in options.only] * options.repeat
    random.Random(options.seed).shuffle(order)
    results = []
    for name in order:
        results.append(await measured(name, parties, options))
        print(_row(name, results[-1:], [each for each in results if each.bridge == "tutorial"]), file=sys.stderr)
    return results


def _go_ahead() -> None:
    """As a session, and so a group, of its own, which the bridges share: niceness counts between groups only there."""
    if os.fork():
        raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
    os.setsid()
    Path("/proc/self/autogroup").write_text("-20")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    parser.add_argument("--only", action="append", choices=BRIDGES)
    parser.add_argument("--most", action="store_true", help="also how many calls one core bears")
    parser.add_argument("--short", action="store_true", help="less than a minute: 40 calls, 4 s, once")
    parser.add_argument("--ahead", action="store_true", help="of other work on this machine; needs root")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.only = options.only or BRIDGES
    if options.short:
        options.calls, options.seconds, options.repeat = 40, 4.0, 1
    if (os.cpu_count() or 1) < 2 or not hasattr(os, "sched_setaffinity"):
        raise SystemExit("needs Linux and two processor cores")
    os.sched_setaffinity(0, {PARTIES_CORE})
    if options.ahead:
        _go_ahead()
    results = uvloop.run(everything(options))
    print(json.dumps([asdict(each) for each in results]) if options.json else table(results, options))


if __name__ == "__main__":
    main()
