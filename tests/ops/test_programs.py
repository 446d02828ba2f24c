"""What `warbler up` and the bench run: names, roles, niceness."""

from ops.programs import programs, worker_names


def test_a_worker_is_an_owner_a_projector_and_a_push_process_and_only_the_projector_steps_back() -> None:
    names = worker_names(2)
    assert names == ["owner-1", "projector-1", "push-1", "owner-2", "projector-2", "push-2"]
    made = programs([8480], [1, 2, 3, 4, 5, 6], "127.0.0.1", {}, background_niceness=10)
    assert [program.name for program in made] == [*names, "edge-1"], "edges last: they are stopped first"
    assert [program.env.get("STREAMS_ROLES") for program in made] == ["conversations", "timelines,notifier,inbox", "push"] * 2 + [None]
    assert [program.niceness for program in made] == [0, 10, 0, 0, 10, 0, 0]
    assert [program.env["WARBLER_NODE"] for program in made] == [program.name for program in made]
