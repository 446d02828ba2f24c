from streams.push.decide import decide
from tests.push.situations import NOON_MS, situation


def test_a_message_goes_to_the_device() -> None:
    (planned,) = decide(situation(unread=3), NOON_MS).sends
    assert (planned.token.device, planned.alert.kind) == ("phone", "alert")
    assert (planned.alert.title, planned.alert.body, planned.alert.badge) == ("Climbers", "Ben: hello", 3)
