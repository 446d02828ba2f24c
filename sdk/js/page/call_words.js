// What calls read like, in plain words. Pure.

/** @typedef {import("/sdk/index.js").LiveCall} LiveCall */

/** Why a call is over, for who took part; "" where nothing need be said: the user ended it. @type {Record<string, string>} */
const ENDS = {
  hung_up: "Call ended",
  cancelled: "The call was cancelled",
  rejected: "The call was declined",
  busy: "Busy: in another call",
  missed: "No answer",
  ended_by_moderator: "The call was ended by a moderator",
  all_left: "Everybody left the call",
  no_media: "The call could not connect",
  connection_lost: "The connection was lost",
  lease_expired: "The connection was lost",
  engine_lost: "The call's server was lost",
  too_long: "The call was too long",
};
/** Of who is no longer in it; the other words are those of a call's end. @type {Record<string, string>} */
const LEAVES = { ...ENDS, hung_up: "", kicked: "You were removed from the call", transferred: "The call goes on elsewhere" };

/** @param {import("/sdk/index.js").CallEnd} end */
export function endOf({ reason, left }) {
  if (reason !== null) return ENDS[reason] ?? "Call ended";
  return left === null ? "" : (LEAVES[left] ?? "");
}

/** @param {LiveCall} live @param {number} connected_ms since when media flows; 0: not yet @param {number} now_ms */
export function stateOf(live, connected_ms, now_ms) {
  const state = live.shown?.state ?? "requested";
  if (live.flow === "lost" || state === "reconnecting") return "Reconnecting…";
  if (state === "held") return "On hold";
  if (connected_ms > 0 && state === "connected") return lengthOf(now_ms - connected_ms);
  if (state === "requested") return "Calling…";
  return state === "ringing" ? "Ringing…" : "Connecting…";
}

/** "0:42", "12:05", "1:02:30". @param {number} ms */
export function lengthOf(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const pad = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(s % 60)}` : `${minutes}:${pad(s % 60)}`;
}

/** "Video call", "Audio call in Birds". @param {Pick<LiveCall, "media">} call */
export const kindOf = ({ media }) => (media === "video" ? "Video call" : "Audio call");

/** @param {{source: string, why: string}} trouble */
export function troubleOf({ source, why }) {
  /** @type {Record<string, string>} */
  const names = { microphone: "The microphone", camera: "The camera", screen: "The screen", screen_audio: "The screen's sound" };
  const name = names[source];
  if (name === undefined) return `The call cannot connect: ${why}`;
  if (why === "denied") return source === "screen" ? "The screen is not shared." : `${name} may not be used: the browser or you denied it.`;
  return why === "missing" ? `${name} was not found.` : `${name} is in use by another program.`;
}

/**
 * The entry of a call in its conversation.
 *
 * @param {{user: string, media: string, outcome: string, duration_ms: number, missed_by?: readonly string[]}} entry
 * @param {string} me @param {(user: string) => string} nameOf
 * @returns {{text: string, missed: boolean}}
 */
export function entryOf({ user, media, outcome, duration_ms, missed_by = [] }, me, nameOf) {
  const what = media === "video" ? "video call" : "call";
  const by = user === me ? "" : ` from ${nameOf(user)}`;
  if (missed_by.includes(me)) return { text: `Missed ${what}${by}`, missed: true };
  const capital = `${what.charAt(0).toUpperCase()}${what.slice(1)}`;
  if (duration_ms > 0) return { text: `${capital}${by} · ${lengthOf(duration_ms)}`, missed: false };
  /** @type {Record<string, string>} */
  const outcomes = { missed: "no answer", rejected: "declined", busy: "busy", failed: "did not connect" };
  return { text: `${capital}${by} · ${outcomes[outcome] ?? "ended"}`, missed: false };
}
