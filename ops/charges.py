"""What the supervisor watches, behind one shape: our programs by HTTP, the server JVMs by a real request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import httpx

from ops.embedded.node import Node
from ops.embedded.process import Child
from ops.programs import Program
from ops.supervision import Answered, Gone, Observation, Policy, Silent

LIVE_TIMEOUT_S = 3.0
# A JVM under full load on a small machine may answer late; killing Kafka wrongly costs every session a reconnect.
NODE_POLICY = Policy(start_limit_s=120.0, silent_limit_s=60.0, stalled_limit_s=120.0)


class Charge(Protocol):
    child: Child
    address: str
    policy: Policy
    is_server: bool  # Kafka or Cassandra: while one is away, our programs are excused

    def spawn(self) -> None: ...
    async def observe(self) -> Observation: ...
    async def stop(self) -> None: ...


def read_live(body: bytes) -> Answered | None:
    """The liveness answer in `body`, None if it is not one."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        return None
    progress = answer.get("progress", 0)
    if not isinstance(progress, int):
        return None
    return Answered(answer["ok"], progress, answer.get("idle") is True)


class ProgramCharge:
    is_server = False

    def __init__(self, program: Program, home: Path, policy: Policy | None = None) -> None:
        self.program = program
        self.child = Child(program.name, home, program.niceness)
        self.address = program.address
        self.policy = policy or Policy()
        self._http = httpx.AsyncClient(timeout=LIVE_TIMEOUT_S, trust_env=False)

    def spawn(self) -> None:
        self.child.spawn(self.program.argv, self.program.env)

    async def observe(self) -> Observation:
        """What the program says of itself. A body that is no liveness answer counts as silence."""
        if not self.child.running:
            return Gone()
        try:
            response = await self._http.get(self.program.live_url)
        except httpx.HTTPError:
            return Silent() if self.child.running else Gone()
        return read_live(response.content) or Silent()

    async def stop(self) -> None:
        await self.child.stop(self.program.stop_grace_s)
        await self._http.aclose()


class NodeCharge:
    is_server = True

    def __init__(self, node: Node) -> None:
        self.node = node
        self.child = node.child
        self.address = node.address
        self.policy = NODE_POLICY
        self._answers_count = 0

    def spawn(self) -> None:
        self.node.spawn()

    async def observe(self) -> Observation:
        """A real request to the server; each answered one is progress."""
        if not self.child.running:
            return Gone()
        if not await self.node.is_serving():
            return Silent() if self.child.running else Gone()
        self._answers_count += 1
        return Answered(ok=True, progress=self._answers_count, idle=False)

    async def stop(self) -> None:
        await self.node.stop()
