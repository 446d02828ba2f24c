"""Which cluster it is, by Kafka's own name for it."""

from aiokafka.errors import KafkaError

from log.clients import admin_client
from log.refusals import unavailable
from log.settings import LogSettings

UNKNOWN_CLUSTER = "unknown"


async def cluster_id(settings: LogSettings) -> str:
    """The name that was made when the cluster was formatted; UNKNOWN_CLUSTER where it tells none. Raises: LogUnavailable."""
    admin = admin_client(settings, request_timeout_ms=settings.request_timeout_ms)
    try:
        await admin.start()
        return str((await admin.describe_cluster()).get("cluster_id") or UNKNOWN_CLUSTER)
    except (KafkaError, OSError) as exc:
        raise await unavailable(settings, "the cluster's id", exc) from exc
    finally:
        await admin.close()
