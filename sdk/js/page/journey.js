// A message's journey: where it was and when, from the device that sent it to those that have it.

import { WarblerError } from "/sdk/index.js";
import { byId, dialog, el } from "./dom.js";
import { fullTimeOf, laterOf, preciseTimeOf } from "./format.js";

/** @typedef {import("/sdk/index.js").JourneyStep} JourneyStep */

const AGAIN_MS = 1_500;
/** @type {Record<JourneyStep["step"], {title: string, says: string}>} */
const STEPS = {
  received: { title: "Received", says: "An edge took it from the device" },
  accepted: { title: "Accepted", says: "The command is in the log" },
  committed: { title: "Committed", says: "It is an event, with its place in the order" },
  projected: { title: "Stored", says: "It is in the timeline" },
  fanned_out: { title: "Fanned out", says: "An edge gave it to its sessions" },
  pushed: { title: "Pushed", says: "Somebody who was away was told" },
  delivered: { title: "Delivered", says: "A device has it" },
  read: { title: "Read", says: "It was opened" },
  played: { title: "Played", says: "To the end" },
};

/**
 * @param {import("/sdk/index.js").Client} client
 * @param {(user: string) => string} nameOf
 * @returns {(conversation: string, seq: number, text: string) => Promise<void>}
 */
export function startJourneyDialog(client, nameOf) {
  const box = dialog("journey-dialog");
  let shown = 0;

  /** @param {string} conversation @param {number} seq @param {number} turn */
  const load = async (conversation, seq, turn) => {
    try {
      const journey = await client.rest.journey(conversation, seq);
      if (turn !== shown) return;
      const begun_ms = Math.min(...journey.steps.flatMap((step) => (step.at_ms === null ? [] : [step.at_ms])));
      byId("journey-steps").replaceChildren(...grouped(journey.steps).map((steps) => stepOf(steps, begun_ms, nameOf)));
      byId("journey-when").textContent = `${fullTimeOf(begun_ms)} · seq ${journey.seq} · sent from ${shortOf(journey.device)}`;
      byId("journey-notes").textContent = [...journey.notes, ...(journey.members_more ? [`The first ${journey.members} members are shown.`] : [])].join(" ");
      byId("journey-error").textContent = "";
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error;
      if (turn === shown) byId("journey-error").textContent = error.detail;
    }
    // it goes on while one looks: somebody may just be reading it
    if (turn === shown && box.open) setTimeout(() => turn === shown && box.open && load(conversation, seq, turn), AGAIN_MS);
  };

  return async (conversation, seq, text) => {
    shown += 1;
    byId("journey-text").textContent = text;
    byId("journey-when").textContent = "Looking…";
    byId("journey-error").textContent = byId("journey-notes").textContent = "";
    byId("journey-steps").replaceChildren();
    box.showModal();
    await load(conversation, seq, shown);
  };
}

/** Runs of the same step. @param {readonly JourneyStep[]} steps */
function grouped(steps) {
  /** @type {JourneyStep[][]} */
  const runs = [];
  for (const step of steps) {
    const run = runs.at(-1);
    if (run !== undefined && run[0]?.step === step.step) run.push(step);
    else runs.push([step]);
  }
  return runs;
}

/** @param {readonly JourneyStep[]} steps of one kind @param {number} begun_ms @param {(user: string) => string} nameOf */
function stepOf(steps, begun_ms, nameOf) {
  const { title, says } = STEPS[/** @type {JourneyStep} */ (steps[0]).step];
  const done = steps.filter((step) => step.at_ms !== null).length;
  const state = done === steps.length ? "done" : done > 0 ? "partly" : "open";
  const lines = steps.map((step) => lineOf(step, begun_ms, nameOf));
  // what happens once, and to nobody in particular, is said in one line
  const alone = lines.length === 1 && steps[0]?.user === null && steps[0].node === null && steps[0].device === null;
  const head = el("div", { class: "journey-head" }, el("strong", { text: title }), el("span", { class: "hint", text: says }));
  const body = alone ? el("ul", { class: "alone" }, ...lines) : el("ul", {}, ...lines);
  return el("li", { class: `journey-step ${state}`, "data-step": steps[0]?.step ?? "" }, head, body);
}

/** @param {JourneyStep} step @param {number} begun_ms @param {(user: string) => string} nameOf */
function lineOf(step, begun_ms, nameOf) {
  const who = [step.user === null ? "" : nameOf(step.user), shortOf(step.device ?? ""), step.node ?? ""].filter((part) => part !== "").join(" · ");
  const place = el("span", { class: "journey-who", text: who, title: step.device });
  if (step.at_ms === null) return el("li", { class: "missing" }, place, el("span", { text: step.why ?? "not known" }));
  const by_then = step.by_then ? "by " : "";
  const time = el("time", { datetime: new Date(step.at_ms).toISOString(), text: `${by_then}${preciseTimeOf(step.at_ms)}` });
  return el("li", {}, place, time, el("span", { class: "later", text: laterOf(step.at_ms - begun_ms) }));
}

/** A device's id ends in what tells it from others. @param {string} device */
const shortOf = (device) => (device.length > 14 ? `${device.slice(0, 2)}…${device.slice(-6)}` : device);
