"""What `warbler up` and the bench run: names, roles, niceness."""

from ops.programs import WORKER_ROLES, programs, worker_names


def test_a_worker_is_four_processes_and_those_that_no_message_waits_for_step_back() -> None:
    names = worker_names(2)
    assert names == ["owner-1", "projector-1", "push-1", "after-1", "owner-2", "projector-2", "push-2", "after-2"]
    made = programs([8480], [*range(1, 9)], "127.0.0.1", {}, background_niceness=10)
    assert [program.name for program in made] == [*names, "edge-1"], "edges last: they are stopped first"
    assert [program.env.get("STREAMS_ROLES") for program in made] == [*WORKER_ROLES.values()] * 2 + [None]
    assert [program.niceness for program in made] == [0, 10, 0, 10, 0, 10, 0, 10, 0]
    assert [program.env["WARBLER_NODE"] for program in made] == [program.name for program in made]
