"""One group of 500 members, all online: what a delivery costs the edge, and how long the last of them wait."""

from bench.bench import Bench, Run, latency_figures
from bench.fleet import Fleet, create, make_users, now_ms
from bench.pacing import open_loop
from bench.report import Figure
from bench.tally import Tally
from edge import frames


async def run(bench: Bench) -> Run:
    options = bench.options
    users = await make_users(bench.site.edge, f"{bench.prefix}-group", options.group_members)
    fleet = Fleet(bench.site.edge, bench.codec)
    try:
        await fleet.open(users)
        others = tuple(frames.FrameMember(user.user) for user in users[1:])
        command = frames.CreateConversation(
            id=bench.ids.make(now_ms()), conversation="", conversation_kind="group", title="bench", members=others
        )
        conversation = await create(fleet.devices[0], command)
        await bench.site.settle()
        tally = Tally(bench.ids.next_number, deliveries_per_message=len(users) - 1)
        fleet.listen(tally)

        def send(index: int) -> None:
            fleet.devices[index % len(users)].send(bench.message(conversation))

        phase = await bench.phase(tally, lambda: open_loop(tally, send, options.group_rate_per_s, options.group_s))
    finally:
        await fleet.close()
    outcome = phase.outcome
    edge_us = sum(used for name, used in phase.cpu_us.items() if name.startswith("edge"))
    figures = [
        Figure("group: edge cpu a delivery", "us", edge_us * outcome.sent / max(1, outcome.delivered)),
        *latency_figures("group", outcome),
        Figure("group: not delivered once", "deliveries", outcome.undelivered + outcome.doubled),
        Figure("group: busy with other things", "cores", phase.others_cores),
        Figure("group: driver cpu a delivery", "us", phase.cpu_us["driver"] * outcome.sent / max(1, outcome.delivered)),
    ]
    return Run(figures, {**phase.details(), "members": len(users), "refused": tally.refused, "connections_lost": tally.lost})
