// Who is to be seen and heard in a call: one picture a participant, a shared screen in front. Pure.
const IN_CALL = new Set(["accepted", "joined"]);
const SPEAKING_LEVEL = 1;
/** `links`: what comes in over each generation of connections, the newest first. */
export function sceneOf(live, links, own, user, device) {
    const parties = (live.shown?.parties ?? []).filter((party) => IN_CALL.has(party.state));
    const others = parties.filter((party) => party.user !== user);
    const mine = parties.find((party) => party.user === user);
    const tiles = others.map((party) => tileOf(live, links, party));
    return { tiles: [...tiles, ownTile(live, own, mine, user, device)], screen: screenOf(live, links, others, own, user) };
}
function tileOf(live, links, party) {
    const { user, held = false, hand = false, flow = "waiting" } = party;
    const device = party.device ?? "";
    const camera = isMuted(live, user, device, "camera") ? null : best(links, user, "camera");
    return {
        ...{ user, device, own: false, held, hand, flow, camera, microphone: best(links, user, "microphone") },
        muted: party.muted === true || isMuted(live, user, device, "microphone"),
        speaking: speaks(live, user),
    };
}
function ownTile(live, own, party, user, device) {
    const muted = own.muted || party?.muted === true;
    const shared = { user, device, own: true, camera: own.camera, microphone: null, muted };
    return { ...shared, held: own.held, hand: party?.hand === true, speaking: !muted && speaks(live, user), flow: party?.flow ?? "waiting" };
}
function screenOf(live, links, others, own, user) {
    for (const party of others) {
        const track = isMuted(live, party.user, party.device ?? "", "screen") ? null : best(links, party.user, "screen");
        if (track !== null)
            return { user: party.user, own: false, track, sound: best(links, party.user, "screen_audio") };
    }
    return own.screen === null ? null : { user, own: true, track: own.screen, sound: null };
}
const speaks = (live, user) => live.speakers.some((speaker) => speaker.user === user && speaker.level >= SPEAKING_LEVEL);
/** Shape: of the newest connections that carry it already; else of the newest that have it at all. */
function best(links, user, source) {
    const found = links.flatMap((tracks) => tracks.filter((track) => track.user === user && track.source === source && track.track.readyState === "live"));
    return (found.find(({ track }) => !track.muted) ?? found[0])?.track ?? null;
}
function isMuted(live, user, device, source) {
    const own_words = live.tracks.get(`${user}/${device}`);
    return own_words?.some((track) => track.source === source && track.muted === true) ?? false;
}
