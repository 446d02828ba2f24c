"""What `warbler audit status` and the line in `warbler status` say of a log."""

import asyncio

from audit.note import signed
from log.memory import MemoryLog
from log.port import Entry
from ops.audit import Standing, line_of, standing
from streams.audit.published import alarm_entry, signed_entry, witnessed_entry
from tests.audit.world import ORIGIN, SEALER, TOPIC, checkpoints, event, records

ENV = {"AUDIT_TOPICS": f"{TOPIC},admin-events"}


def told(*alarms: str) -> Standing:
    async def whole() -> Standing:
        log, last = MemoryLog(1), checkpoints(records())[1]
        await log.publish(TOPIC, 0, [Entry(b"g", event(number)) for number in range(30)])
        note = signed(last.text(), [SEALER])
        entries = [signed_entry(last, note), witnessed_entry(last, note)]
        entries += [alarm_entry(ORIGIN, 25, "disagrees", detail, "warbler-witness", 1_760_000_000_000) for detail in alarms]
        await log.publish("audit-checkpoints", 0, entries)
        return await standing(log, ENV)

    return asyncio.run(whole())


def test_each_partition_has_what_is_there_and_what_is_sealed() -> None:
    events, admin = told().lines
    assert events.signed is not None
    assert events.witnessed is not None
    assert (events.end, events.signed.size, events.signed.last_offset, events.behind) == (30, 25, 25, 4)
    assert (admin.end, admin.signed, admin.behind) == (0, None, 0)


def test_the_line_of_status_tells_what_is_behind_and_the_last_alarm() -> None:
    assert line_of(told()) == "Audit: 4 records not sealed yet, 1 of 2 trees witnessed, no alarm"
    line = line_of(told("first", "second"))
    assert "2 alarms" in line
    assert line.endswith("2025-10-09T08:53:20+00:00: disagrees warbler/cluster/conversation-events/0/0 second")
