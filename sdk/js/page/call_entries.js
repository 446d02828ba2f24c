// The calls of a conversation that ended before this window heard of it: read once, when the conversation is first opened; and their rows.

import { WarblerError } from "/sdk/index.js";
import { entryOf } from "./call_words.js";

/** States of a party for whom it was rung in vain. */
const MISSED = new Set(["timed_out", "cancelled", "busy"]);

/**
 * @param {import("/sdk/index.js").Client} client @param {import("./model.js").Model} model @param {string} conversation
 * @param {() => void} redraw
 */
export async function loadCalls(client, model, conversation, redraw) {
  try {
    const { calls } = await client.rest.calls.ofConversation(conversation);
    model.of(conversation).calls = calls.map((call) => ({
      call_id: call.call,
      user: call.caller,
      media: call.media,
      outcome: call.outcome,
      duration_ms: call.talk_ms,
      at_ms: call.ended_at_ms,
      missed_by: call.parties.filter((party) => MISSED.has(party.state) && party.answered_at_ms === 0).map((party) => party.user),
    }));
    redraw();
  } catch (error) {
    if (!(error instanceof WarblerError)) throw error; // the messages are there without them
  }
}

/** Where a row stands among the events. @param {any} item @returns {number} */
export const seqOf = (item) => item.seq ?? Number(item.key.slice(1));

/**
 * The rows of calls that were not heard as events, between what was said before and after.
 *
 * @param {Pick<import("./model.js").Model["opened"] extends Map<string, infer O> ? O : never, "calls" | "notes" | "timeline">} opened
 * @param {readonly any[]} items @param {string} me @param {(user: string) => string} nameOf
 */
export function callRows(opened, items, me, nameOf) {
  const heard = new Set(opened.notes.map((note) => (note.kind === "call_noted" ? note.call_id : "")));
  const oldest_ms = opened.timeline.before_seq === null ? 0 : (opened.timeline.messages[0]?.at_ms ?? Infinity);
  const unheard = opened.calls.filter((entry) => entry.at_ms >= oldest_ms && !heard.has(entry.call_id));
  return unheard.map((entry) => {
    const before = items.filter((item) => item.at_ms <= entry.at_ms).map(seqOf);
    const { text, missed } = entryOf(entry, me, nameOf);
    const call = /** @type {"missed" | "other"} */ (missed ? "missed" : "other");
    return { row: /** @type {const} */ ("note"), key: `c${entry.call_id}`, seq: Math.max(0, ...before) + 0.5, text, at_ms: entry.at_ms, call };
  });
}
