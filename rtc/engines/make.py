"""The engine of a kind. Each is imported only where it runs: one needs a media library, another a client of its server."""

from collections.abc import Mapping

from rtc.engines.port import Engine


def make(kind: str, name: str, env: Mapping[str, str]) -> Engine:
    """The engine `name`, not started. Raises: ValueError that names the variable of a bad setting."""
    match kind:
        case "embedded":
            from rtc.engines.embedded.engine import EmbeddedEngine
            from rtc.engines.embedded.settings import EmbeddedEngineSettings

            return EmbeddedEngine(EmbeddedEngineSettings.from_env(env))
        case "janus":
            from rtc.engines.janus.engine import JanusEngine
            from rtc.engines.janus.settings import JanusSettings

            return JanusEngine(JanusSettings.from_env(env), name)
        case "livekit":
            from rtc.engines.livekit.engine import LiveKitEngine
            from rtc.engines.livekit.settings import LiveKitSettings

            return LiveKitEngine(LiveKitSettings.from_env(env))
        case _:
            raise ValueError(f"RTC_ENGINE={kind}: there is no such engine")
