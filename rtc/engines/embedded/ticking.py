"""What a room does by the clock: asks again for what is missing, reports, judges ways, tells who speaks and whose media stopped."""

from rtc.engines.embedded import limits, rtcp
from rtc.engines.embedded.incoming import OWN_SSRC
from rtc.engines.embedded.room import LiveRoom
from rtc.engines.embedded.session import Session
from rtc.engines.embedded.surroundings import Tools
from rtc.engines.port import Limited, MediaSeen, QualitySeen, Speaking
from schemas.call_values import Quality

ASK_AGAIN_MS = 100
TICK_MS = 50
SPEECH_TICKS, REPORT_TICKS = 4, 20


def tick(tools: Tools, room: LiveRoom, number: int) -> None:
    """Once every TICK_MS; `number` counts them."""
    now_ms = tools.now_ms()
    for session in room.sessions.values():
        requests = session.reader.requests(now_ms, ASK_AGAIN_MS)
        if requests:
            session.publish.send_rtcp(requests)
    for source in room.sources.values():
        # who waits has seen nothing of the picture, so it does not ask itself; the key frame of before its handshake, or one that was
        # lost, is not sent to it
        if source.has_waiting():
            room.keyframe_wanted(source)
        elif source.gate.due(now_ms):
            room.ask_keyframe(source)
    if number % SPEECH_TICKS == 0:
        _tell_speakers(room, now_ms)
        _judge_flows(room, now_ms)
    if number % REPORT_TICKS == 0:
        _report(tools, room, now_ms)


def _tell_speakers(room: LiveRoom, now_ms: int) -> None:
    speakers = room.speech.changed(now_ms)
    if speakers is not None:
        room.emit(Speaking(room.room, speakers))


def _judge_flows(room: LiveRoom, now_ms: int) -> None:
    for session in list(room.sessions.values()):
        carries = session.carries or any(feed.packets for feed in session.subscription.feeds.values())
        change = session.flow.judge(carries, now_ms)
        if change == "gone":
            room.parted(session)
        elif change is not None:
            room.emit(MediaSeen(room.room, session.leg, change))


def _report(tools: Tools, room: LiveRoom, now_ms: int) -> None:
    for session in room.sessions.values():
        reports = session.reader.reports(now_ms)
        if reports:
            session.publish.send_rtcp(reports)
        session.subscription.report(now_ms)
        _limit(tools, room, session, now_ms)
        if now_ms - session.quality_ms >= tools.settings.quality_interval_ms:
            session.quality_ms = now_ms
            quality = quality_of(session, now_ms)
            if quality is not None:
                room.emit(QualitySeen(room.room, session.leg, quality))


def _limit(tools: Tools, room: LiveRoom, session: Session, now_ms: int) -> None:
    """Judges the session's way, and tells it what to send: by REMB to its sender, and by an event when that changed."""
    subscription = session.subscription
    most_kbps = tools.settings.video_kbps_limit * max(1, subscription.videos()) + limits.AUDIO_KBPS
    subscription.way.sent(subscription.sent_kbps(now_ms), most_kbps)
    is_there = session.flow.state == "up"  # who is lost says nothing of its way; what it said before is old
    changed = is_there and subscription.way.judge(subscription.videos(), now_ms)
    if changed:
        subscription.set_all()
    others = [
        (other.subscription.way, other.subscription.videos())
        for other in room.sessions.values()
        if other is not session and other.flow.state == "up"
    ]
    settings = tools.settings
    kbps = limits.publisher_kbps(len(room.sessions), settings.video_kbps_limit, settings.video_kbps_floor, others)
    sent = [reception for incoming, reception in session.reader.receptions() if incoming.form.codec.kind == "video"]
    if sent:
        whole = kbps * len(sent) + limits.AUDIO_KBPS
        session.publish.send_rtcp(rtcp.remb(OWN_SSRC, whole * 1000, [reception.ssrc for reception in sent]))
    if changed or limits.worth_saying(session.told_kbps, kbps):
        session.told_kbps = kbps
        height = limits.height_for(len(room.sessions))
        room.emit(Limited(room.room, session.leg, kbps, height, subscription.way.audio_only))


def quality_of(session: Session, now_ms: int) -> Quality | None:
    """Of what it gets; of what it sends, where it gets nothing yet."""
    passed_ms = max(1, now_ms - session.began_ms)
    feeds = [feed for feed in session.subscription.feeds.values() if feed.packets]
    if feeds:
        sent, lost = sum(feed.packets for feed in feeds), sum(feed.lost for feed in feeds)
        jitter = max(feed.jitter * 1000 // feed.slot.codec.clock_hz for feed in feeds)
        kbps = sum(feed.octets for feed in feeds) * 8 // passed_ms
        return Quality(min(1.0, lost / sent), session.subscription.rtt_ms, jitter, kbps)
    receptions = [reception for _, reception in session.reader.receptions()]
    if not receptions:
        return None
    came, lost = sum(reception.packets for reception in receptions), sum(reception.lost for reception in receptions)
    return Quality(lost / (came + lost), 0, max(reception.jitter_ms for reception in receptions), session.octets_in * 8 // passed_ms)
