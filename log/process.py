"""A process of ours that is no web server: what its log lines look like, and how it ends. Called by `streams.worker` and `rtc.engine`."""

import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

import structlog
import uvloop


def configure_logs() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it repeats every lost connection; our own lines say what it means
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
    )


def run_to_the_end(run: Callable[[Mapping[str, str]], Awaitable[int]]) -> None:
    """Runs with this environment on uvloop; the exit code is what it returns. Does not return."""

    async def whole() -> None:
        code = await run(os.environ)
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: a driver's threads, half-stopped clients and media transports would keep a failed process alive.
        os._exit(code)

    uvloop.run(whole())
