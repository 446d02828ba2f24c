"""Descriptions of the embedded engine: offers read, answers written, sections of a subscription kept and used again."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.engines.embedded import sdp
from rtc.engines.embedded.codecs import H264, OPUS, VP8, Codec
from rtc.engines.embedded.describing import Local
from rtc.engines.embedded.publishing import Refused, read_offer, write_answer
from rtc.engines.embedded.slots import Slot, SourceKey, mid_of, plan, read_answer, write_offer
from schemas.call_signals import TrackSource

LOCAL = Local("abcdef", "p" * 22, ":".join(["AB"] * 32), (("192.0.2.1", 5_000),))
TRANSPORT = ["a=ice-ufrag:wxyz/+", "a=ice-pwd:" + "q" * 24, "a=fingerprint:sha-256 " + ":".join(["CD"] * 32), "a=setup:actpass"]
# A browser's offer, with what the engine leaves aside: RED, an H.264 of another packetization, simulcast, a data channel.
BROWSER = [
    *("v=0", "o=- 46117 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1 2", "a=extmap-allow-mixed", "a=msid-semantic: WMS s"),
    *("m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9", "c=IN IP4 0.0.0.0", *TRANSPORT, "a=mid:0", "a=sendonly", "a=rtcp-mux"),
    *("a=extmap:14 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"),
    *("a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",),
    *("a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:63 red/48000/2"),
    *("a=rtpmap:9 G722/8000", "a=ssrc:71 cname:c", "a=ssrc:71 msid:s t"),
    *("m=video 9 UDP/TLS/RTP/SAVPF 103 104 96 97", "c=IN IP4 0.0.0.0", *TRANSPORT, "a=mid:1", "a=sendonly", "a=rtcp-mux", "a=rtcp-rsize"),
    *("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:2/sendonly http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
    *("a=rtpmap:103 H264/90000", "a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    *("a=rtpmap:104 rtx/90000", "a=fmtp:104 apt=103", "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000"),
    *("a=fmtp:97 apt=96", "a=rid:q send", "a=simulcast:send q", "a=ssrc-group:FID 81 82", "a=ssrc:81 cname:c", "a=ssrc:82 cname:c"),
    *("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", *TRANSPORT, "a=mid:2", "a=sctp-port:5000"),
]


def text(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"


def test_a_browsers_offer_is_read() -> None:
    offer = read_offer(text(BROWSER))
    audio, video, data = offer.sections
    assert (offer.remote.password, offer.remote.setup) == ("q" * 24, "actpass")
    assert audio.form is not None
    assert (audio.form.codec, audio.form.payload_type, audio.level_extension, audio.mid_extension, audio.ssrcs) == (OPUS, 111, 14, 4, (71,))
    assert video.form is not None
    assert (video.form.codec, video.form.payload_type, video.form.rtx_type, video.ssrcs, video.repairs) == (VP8, 96, 97, (81,), {82: 81})
    assert (data.form, data.kind) == (None, "application")


def test_the_answer_takes_what_passes_and_refuses_the_rest() -> None:
    answer = sdp.parse(write_answer(read_offer(text(BROWSER)), LOCAL, 1, 2))
    audio, video, data = answer.sections
    assert answer.bundled() == ("0", "1")
    assert [section.formats for section in answer.sections] == [("111",), ("96", "97"), ("webrtc-datachannel",)]
    assert data.port == 0
    for section in (audio, video):
        assert section.has("recvonly")
        assert section.first("setup") == "passive"
        assert section.first("candidate").split()[4:6] == ["192.0.2.1", "5000"]
    assert set(video.all("extmap")) == {line.partition(":")[2].replace("/sendonly", "") for line in BROWSER[30:] if "extmap" in line}
    assert not video.has("simulcast")
    assert ("ice-lite", "") in answer.attributes


def test_the_first_that_passes_is_taken_of_video() -> None:
    lines = [line.replace("packetization-mode=0", "packetization-mode=1") for line in BROWSER]
    form = read_offer(text(lines)).sections[1].form
    assert form is not None
    assert (form.codec, form.payload_type, form.rtx_type) == (H264[0], 103, 104)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("a=ice-pwd:" + "q" * 24, "a=ice-pwd:short"), "invalid"),
        (("a=setup:actpass", "a=setup:holdconn"), "invalid"),
        (("a=fingerprint:sha-256", "a=fingerprint:md5"), "invalid"),
        (("a=mid:1", "a=mid:0"), "invalid"),
        (("a=mid:1", "a=x:1"), "invalid"),
        (("a=rtcp-mux", "a=x"), "no_media"),
        (("a=rtpmap:111 opus/48000/2", "a=rtpmap:one opus/48000/2"), "invalid"),
        (("a=ssrc:81 cname:c", "a=ssrc:-1 cname:c"), "invalid"),
        (("a=extmap:4 ", "a=extmap:x "), "invalid"),
    ],
    ids=range(9),
)
def test_an_offer_that_breaks_the_rules_is_refused(change: tuple[str, str], code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_offer(text([line.replace(*change) for line in BROWSER]))
    assert refused.value.code == code


@given(st.lists(st.sampled_from(BROWSER), max_size=60), st.integers(0, 40), st.text(max_size=20))
@settings(max_examples=500, deadline=None)
def test_whatever_comes_is_read_or_refused(lines: list[str], at: int, noise: str) -> None:
    for offered in (text(["v=0", *lines]), text([*BROWSER[:at], noise, *BROWSER[at + 1 :]]), noise):
        refused, offer = "", None
        try:
            offer = read_offer(offered)
        except Refused as error:
            refused = error.code
        if offer is not None:
            sdp.parse(write_answer(offer, LOCAL, 1, 1))
        else:
            assert refused in ("invalid", "no_media", "too_long")


# ---- sections of a subscription

keys = st.builds(SourceKey, st.sampled_from("abc"), st.just("1"), st.sampled_from(["camera", "screen", "microphone"]))


def codec_of(source: TrackSource, is_other: bool) -> Codec:
    return OPUS if source == "microphone" else H264[0] if is_other else VP8


wanted_sets = st.dictionaries(keys, st.booleans(), max_size=9).map(
    lambda chosen: {key: codec_of(key.source, is_other) for key, is_other in chosen.items()}
)


@given(st.lists(wanted_sets, max_size=6), st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_sections_never_move_and_each_wanted_track_has_one(rounds: list[dict[SourceKey, Codec]], limit: int) -> None:
    ssrcs = itertools.count(1)
    slots: tuple[Slot, ...] = ()
    for wanted in rounds:
        before, slots = slots, plan(slots, wanted, limit, lambda: next(ssrcs))
        same = [(slot.mid, slot.codec, slot.ssrc, slot.rtx_ssrc) for slot in slots]
        assert same[: len(before)] == [(slot.mid, slot.codec, slot.ssrc, slot.rtx_ssrc) for slot in before]
        active = {slot.key: slot.codec for slot in slots if slot.active}
        assert len(active) == sum(slot.active for slot in slots)
        assert active.items() <= wanted.items()
        assert len(slots) <= limit
        if len(active) < len(wanted):  # only for want of room
            assert len(slots) == limit
            assert not any(not slot.active and slot.codec in (set(wanted.values()) - set(active.values())) for slot in slots)
        assert plan(slots, wanted, limit, lambda: next(ssrcs)) == slots
    assert len({slot.mid for slot in slots}) == len({slot.ssrc for slot in slots}) == len(slots)


def test_who_comes_back_gets_the_section_that_it_had() -> None:
    ana, bob, cem = (SourceKey(user, "1", "camera") for user in ("ana", "bob", "cem"))
    ssrcs = itertools.count(1)
    slots = plan((), {ana: VP8, bob: VP8}, 9, lambda: next(ssrcs))
    slots = plan(slots, {}, 9, lambda: next(ssrcs))
    assert [slot.active for slot in slots] == [False, False]
    slots = plan(slots, {bob: VP8, cem: VP8}, 9, lambda: next(ssrcs))
    assert [(slot.key, slot.active) for slot in slots] == [(cem, True), (bob, True)]


@given(wanted_sets.filter(bool), st.data())
@settings(max_examples=300, deadline=None)
def test_an_answer_says_which_sections_are_taken(wanted: dict[SourceKey, Codec], data: st.DataObject) -> None:
    ssrcs = itertools.count(1)
    slots = plan((), wanted, 99, lambda: next(ssrcs))
    offer = sdp.parse(write_offer(slots, LOCAL, 1, 1))
    assert offer.bundled() == tuple(slot.mid for slot in slots)
    taken = [data.draw(st.booleans()) for _ in slots]
    lines = ["v=0"]
    for section, is_taken in zip(offer.sections, taken, strict=True):
        lines += [f"m={section.kind} {9 * is_taken} {section.protocol} {section.formats[0]}", f"a=mid:{section.first('mid')}"]
        lines += [*(line.replace("actpass", "active") for line in TRANSPORT), "a=recvonly"]
    if not any(taken):
        with pytest.raises(Refused, match="every section"):
            read_answer(text(lines), slots, 1 << 16)
        return
    answer = read_answer(text(lines), slots, 1 << 16)
    assert answer.taken == {slot.mid for slot, is_taken in zip(slots, taken, strict=True) if is_taken}
    assert answer.repaired == set()
    with pytest.raises(Refused, match="not the offer's"):
        read_answer(text(lines), slots[:-1], 1 << 16)
    with pytest.raises(Refused, match="starts the handshake"):
        read_answer(text(lines).replace("active", "actpass"), slots, 1 << 16)


def test_mids_have_two_letters_and_are_never_the_same() -> None:
    mids = [mid_of(at) for at in range(36 * 36)]
    assert len(set(mids)) == len(mids)
    assert {len(mid) for mid in mids} == {2}
