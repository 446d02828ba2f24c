"""Writes the README's tables of settings from the settings classes and docs/settings.yaml.

Run by hand after a change of a setting (`.venv/bin/python docs/make_settings.py`); tests/edge/test_readme.py fails until that was done.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- settings: made by docs/make_settings.py -->", "<!-- end of settings -->"
sys.path.insert(0, str(ROOT))

from edge.hooks.settings import HookSettings  # noqa: E402
from edge.people.ways_settings import WaysSettings  # noqa: E402
from edge.settings import EdgeSettings  # noqa: E402
from log.security import KafkaSecuritySettings  # noqa: E402
from log.settings import LogSettings  # noqa: E402
from log.web.settings import OutboundSettings  # noqa: E402
from ops.embedded.settings import EmbeddedSettings  # noqa: E402
from ops.settings import ClusterSettings  # noqa: E402
from registry.settings import RegistrySettings  # noqa: E402
from rtc.engines.embedded.settings import EmbeddedEngineSettings  # noqa: E402
from rtc.engines.janus.settings import JanusSettings  # noqa: E402
from rtc.engines.livekit.settings import LiveKitSettings  # noqa: E402
from rtc.rules import Rules as CallRules  # noqa: E402
from rtc.settings import DriverSettings  # noqa: E402
from store.security import CassandraSecuritySettings  # noqa: E402
from store.settings import StoreSettings  # noqa: E402
from streams.audit.settings import AuditSettings  # noqa: E402
from streams.bridge.settings import BridgeSettings  # noqa: E402
from streams.conversations.rules import Rules  # noqa: E402
from streams.push.settings import OutboxSettings  # noqa: E402
from streams.settings import StreamsSettings  # noqa: E402
from streams.webhooks.settings import WebhookSettings  # noqa: E402

# heading: (class, prefix of its variables, fields that another class has too)
TABLES: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "All processes: where Kafka and Cassandra are": (ClusterSettings, "WARBLER_", ()),
    "`warbler up`: the embedded servers": (EmbeddedSettings, "WARBLER_", ()),
    "All processes: how a secured Kafka lets us in": (KafkaSecuritySettings, "WARBLER_KAFKA_", ()),
    "All processes: how a secured Cassandra lets us in": (CassandraSecuritySettings, "WARBLER_CASSANDRA_", ()),
    "All processes: how Kafka is used": (LogSettings, "LOG_", ("kafka", "security")),
    "All processes: how Cassandra is used": (StoreSettings, "STORE_", ("cassandra", "keyspace", "security")),
    "Edge (`python -m edge`)": (EdgeSettings, "EDGE_", ()),
    "Edge: the ways in": (WaysSettings, "EDGE_", ()),
    "Edge: hooks before commands": (HookSettings, "EDGE_HOOKS_", ()),
    "Worker (`python -m streams.worker`)": (StreamsSettings, "STREAMS_", ()),
    "Worker: the bridge to CloudEvents": (BridgeSettings, "STREAMS_BRIDGE_", ()),
    "Worker: pushes": (OutboxSettings, "STREAMS_PUSH_", ()),
    "Worker: webhooks": (WebhookSettings, "STREAMS_WEBHOOKS_", ()),
    "Worker and edge: addresses that others name": (OutboundSettings, "WARBLER_", ()),
    "Worker: what is sealed, and how often": (AuditSettings, "AUDIT_", ()),
    "Worker: what a conversation permits": (Rules, "STREAMS_", ()),
    "Worker and edge: what a call permits": (CallRules, "CALLS_", ()),
    "Schema registry (`python -m registry`)": (RegistrySettings, "REGISTRY_", ()),
    "Media engine `embedded`": (EmbeddedEngineSettings, "RTC_", ()),
    "Media engine on Janus (`python -m rtc.engine` with RTC_ENGINE=janus)": (JanusSettings, "RTC_JANUS_", ()),
    "Media engine on LiveKit (RTC_ENGINE=livekit)": (LiveKitSettings, "RTC_LIVEKIT_", ()),
    "Media engine (`python -m rtc.engine`)": (DriverSettings, "RTC_", ()),
}


def variables() -> dict[str, dict[str, str]]:
    """Heading -> variable -> its default as one would write it."""
    return {
        heading: {f"{prefix}{field.name.upper()}": _default(field) for field in dataclasses.fields(settings) if field.name not in elsewhere}
        for heading, (settings, prefix, elsewhere) in TABLES.items()
    }


def _default(field: "dataclasses.Field[Any]") -> str:
    return ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)


def tables() -> str:
    meanings: dict[str, str] = yaml.safe_load((ROOT / "docs" / "settings.yaml").read_text())
    lines = [BEGIN, ""]
    for heading, rows in variables().items():
        lines += [f"**{heading}**", "", "| variable | default | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | {f'`{default}`' if default else ''} | {meanings.pop(name)} |" for name, default in rows.items()]
        lines.append("")
    if meanings:
        raise ValueError(f"no such settings: {', '.join(meanings)}")
    return "\n".join([*lines, END])


def written(readme: str) -> str:
    """The README with its tables as they must be."""
    before, _, rest = readme.partition(BEGIN)
    return before + tables() + rest.partition(END)[2]


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
