"""The files of a folder from which a Janus of our own starts: WebSocket API, VideoRoom, nothing else. Pure.

Called by `process`; an operator's Janus has files of its own, of which docs/calls.md says what must be in them.
"""

from collections.abc import Mapping
from typing import NamedTuple

# Debian names the folder by the machine's architecture; the package has every plugin, of which only these are wanted.
PLUGIN = "libjanus_videoroom.so"
TRANSPORT = "libjanus_websockets.so"


class OwnJanus(NamedTuple):
    """`library`: the folder that holds `plugins` and `transports`.

    `media_ip`: the address, or interface, of media; never loopback, which Janus leaves out.
    """

    library: str
    folder: str
    port: int
    admin_port: int
    admin_secret: str
    room_key: str
    media_ip: str
    debug_level: int = 3
    rtp_ports: str = "20000-40000"


def files(own: OwnJanus, plugins: tuple[str, ...], transports: tuple[str, ...]) -> Mapping[str, str]:
    """File name -> text. `plugins`, `transports`: what the library holds, so that the rest can be left out by name."""
    return {
        "janus.jcfg": _core(own, _others(plugins, PLUGIN), _others(transports, TRANSPORT)),
        "janus.transport.websockets.jcfg": _transport(own),
        "janus.plugin.videoroom.jcfg": f'general: {{\n  admin_key = "{own.room_key}"\n}}\n',
    }


def _others(names: tuple[str, ...], wanted: str) -> str:
    return ",".join(name for name in names if name != wanted)


def _core(own: OwnJanus, plugins_off: str, transports_off: str) -> str:
    return f"""general: {{
  configs_folder = "{own.folder}"
  plugins_folder = "{own.library}/plugins"
  transports_folder = "{own.library}/transports"
  events_folder = "{own.folder}/none"
  loggers_folder = "{own.folder}/none"
  debug_level = {own.debug_level}
  debug_colors = false
  admin_secret = "{own.admin_secret}"
  session_timeout = 60
}}
media: {{
  ipv6 = false
  no_media_timer = 1
  slowlink_threshold = 4
  rtp_port_range = "{own.rtp_ports}"
}}
nat: {{
  ice_enforce_list = "{own.media_ip}"
  ice_keepalive_conncheck = true
}}
plugins: {{
  disable = "{plugins_off}"
}}
transports: {{
  disable = "{transports_off}"
}}
"""


def _transport(own: OwnJanus) -> str:
    return f"""general: {{
  json = "compact"
  ws = true
  ws_port = {own.port}
  ws_ip = "127.0.0.1"
  wss = false
}}
admin: {{
  admin_ws = true
  admin_ws_port = {own.admin_port}
  admin_ws_ip = "127.0.0.1"
}}
"""
