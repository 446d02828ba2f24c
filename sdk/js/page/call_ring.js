// Somebody calls: a screen in front of everything with who, what, and three answers. One at a time; the next one waits behind it.

import { startTone, stopTone } from "./call_tone.js";
import { kindOf } from "./call_words.js";
import { byId, dialog, paintAvatar } from "./dom.js";

/** @typedef {import("/sdk/index.js").LiveCall} LiveCall */

/**
 * @param {{nameOf: (user: string) => string, titleOf: (call: LiveCall) => string, answer: (call: LiveCall, camera: boolean) => void,
 *   decline: (call: LiveCall) => void}} doings
 */
export function startRinging({ nameOf, titleOf, answer, decline }) {
  const box = dialog("ring");
  /** @type {LiveCall[]} */
  const waiting = [];

  const draw = () => {
    const [call] = waiting;
    if (call === undefined) {
      stopTone();
      if (box.open) box.close();
      return;
    }
    const name = nameOf(call.caller);
    byId("ring-name").textContent = name;
    paintAvatar(byId("ring-avatar"), name, call.caller);
    const group = call.call_kind === "group" ? ` in ${titleOf(call)}` : "";
    byId("ring-kind").textContent = `${kindOf(call)}${group}${call.knock ? ", while you are in another one" : ""}`;
    byId("ring-video").hidden = call.media !== "video";
    if (box.open) return;
    box.showModal();
    byId("ring-answer").focus();
    startTone();
  };

  /** @param {string} id @param {(call: LiveCall) => void} act */
  const onPress = (id, act) =>
    byId(id).addEventListener("click", () => {
      const call = waiting.shift();
      draw();
      if (call !== undefined) act(call);
    });
  onPress("ring-answer", (call) => answer(call, false));
  onPress("ring-video", (call) => answer(call, true));
  onPress("ring-decline", decline);
  // Escape would take away the only way to answer, and say nothing to who calls
  box.addEventListener("cancel", (event) => event.preventDefault());

  return {
    /** @param {LiveCall} call */
    ring: (call) => {
      waiting.push(call);
      draw();
    },
    /** @param {string} call */
    stop: (call) => {
      const at = waiting.findIndex((each) => each.call === call);
      if (at >= 0) waiting.splice(at, 1);
      draw();
    },
    clear: () => {
      waiting.length = 0;
      draw();
    },
    /** Names come later than rings. */
    draw,
  };
}
