"""Tickets: one leg, one room, one generation, once, until a time."""

from rtc.engines.port import Leg, Room
from rtc.tickets import Tickets

ROOM, OTHER, MOVED = Room("c1", 1), Room("c2", 1), Room("c1", 2)
ANNA, BERT = Leg("anna", "phone", 1), Leg("bert", "phone", 1)
UNTIL = 10_000


def given() -> Tickets:
    tickets = Tickets()
    tickets.give("t", ROOM, ANNA, UNTIL)
    return tickets


def test_a_ticket_is_good_once() -> None:
    tickets = given()
    assert tickets.use("t", ROOM, ANNA, UNTIL - 1) is None
    assert tickets.use("t", ROOM, ANNA, UNTIL - 1) == "ticket_used"


def test_a_ticket_is_good_until_its_time() -> None:
    assert given().use("t", ROOM, ANNA, UNTIL) == "ticket_expired"


def test_a_ticket_is_good_for_one_room_and_leg_and_generation_and_stays_so() -> None:
    tickets = given()
    for room, leg in ((OTHER, ANNA), (MOVED, ANNA), (ROOM, BERT), (ROOM, Leg("anna", "laptop", 1)), (ROOM, Leg("anna", "phone", 2))):
        assert tickets.use("t", room, leg, 0) == "ticket_wrong_room"
    assert tickets.use("t", ROOM, ANNA, 0) is None


def test_what_is_no_ticket_is_none() -> None:
    assert given().use("made-up", ROOM, ANNA, 0) == "ticket_needed"
    assert given().use("", ROOM, ANNA, 0) == "ticket_needed"


def test_a_new_ticket_takes_the_place_of_the_one_before() -> None:
    tickets = given()
    tickets.give("u", ROOM, ANNA, UNTIL)
    assert tickets.use("t", ROOM, ANNA, 0) == "ticket_needed"
    assert tickets.use("u", ROOM, ANNA, 0) is None
    assert len(tickets) == 1


def test_a_leg_that_has_connected_gets_the_next_generation() -> None:
    tickets = Tickets()
    assert tickets.next_generation(ROOM, "anna", "phone", 0) == 1
    tickets.give("t", ROOM, ANNA, UNTIL)
    assert tickets.next_generation(ROOM, "anna", "phone", 1) == 1
    tickets.use("t", ROOM, ANNA, 0)
    assert tickets.next_generation(ROOM, "anna", "phone", 1) == 2
    assert tickets.next_generation(ROOM, "anna", "phone", 5) == 5
    assert tickets.generation(ROOM, "anna", "phone") == 1


def test_tickets_of_rooms_that_are_no_more_are_forgotten_after_their_time() -> None:
    tickets = given()
    tickets.give("v", OTHER, ANNA, UNTIL)
    tickets.forget(frozenset({OTHER}), UNTIL - 1)
    assert len(tickets) == 2
    tickets.forget(frozenset({OTHER}), UNTIL)
    assert tickets.use("t", ROOM, ANNA, 0) == "ticket_needed"
    assert tickets.state("v", OTHER, ANNA, 0) == "given"
