// How the connection stands, in the head and in a banner; and short notes that go by themselves.

import { byId, el } from "./dom.js";

const BANNER_AFTER_MS = 700; // a hiccup shorter than this is not worth a word
const TOAST_MS = 6_000;

let down_since_ms = 0;
let ended_reason = "";

/** @param {string} reason */
export const endedBecause = (reason) => void (ended_reason = reason);

/**
 * @param {import("/sdk/index.js").Client} client
 * @param {import("./model.js").Model} model
 * @param {boolean} was_online
 * @param {number} now_ms
 * @param {() => void} redraw
 */
export function drawBanner(client, model, was_online, now_ms, redraw) {
  const { phase } = client;
  const online = phase === "online";
  if (online || phase === "stopped") down_since_ms = 0;
  else if (down_since_ms === 0) down_since_ms = now_ms;
  const told = !online && phase !== "stopped" && (phase === "ended" || now_ms - down_since_ms >= BANNER_AFTER_MS);
  if (!online && !told && phase !== "stopped") setTimeout(redraw, BANNER_AFTER_MS);
  byId("banner").hidden = !told;
  const own = model.presence.get(model.user);
  const away = own?.state === "away";
  // a node that stops sends its devices to another one within a blink: nothing flickers for that
  const settled = online || (was_online && !told);
  byId("me-state").textContent = settled ? (away ? "Away" : "Online") : phase === "ended" ? "Disconnected" : "Connecting…";
  byId("me-state").classList.toggle("online", settled && !away);
  byId("me-status").textContent = own?.status ? ` · ${own.status}` : "";
  if (!told) return;
  const waiting = client.pending().filter((entry) => entry.frame.type === "send_message").length;
  const kept = waiting === 0 ? "" : waiting === 1 ? " One message waits to be sent." : ` ${waiting} messages wait to be sent.`;
  byId("banner-text").textContent = phase === "ended" ? `Disconnected: ${ended_reason}.` : `${was_online ? "Reconnecting" : "Connecting"}…${kept}`;
  byId("banner-retry").hidden = phase !== "waiting" && phase !== "ended";
}

/** How many requests wait, beside the place where they are answered. @param {number} waiting */
export function drawWaiting(waiting) {
  const badge = byId("contacts-badge");
  badge.hidden = waiting === 0;
  badge.textContent = String(waiting);
  badge.setAttribute("aria-label", `${waiting} waiting`);
}

/** Why the sign-in is over. @type {Record<import("/sdk/index.js").SignedOutWhy, string>} */
export const SIGNED_OUT = {
  revoked: "You were signed out here: by yourself from another device, or by an administrator.",
  replaced: "You signed in on another device, and only so many may be signed in at once.",
  frozen: "An administrator froze this account.",
  expired: "You were signed out. Log in again.",
};

/** @param {string} text */
export function toast(text) {
  const note = el("div", { class: "toast", text });
  byId("toasts").append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}
