// What one is told of: of one conversation, or of all. Used by the screens of groups and contacts, the list's menu, and Notifications.

import { ask } from "./ask.js";
import { tried } from "./contacts.js";
import { el } from "./dom.js";
import { untilOf } from "./format.js";
import { button, card, control, hint, region } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {"all" | "mentions" | "none"} Mode */

/** @type {[Mode, string][]} */
const MODES = [
  ["all", "Every message"],
  ["mentions", "Only what mentions me"],
  ["none", "Nothing"],
];
const MUTES = /** @type {readonly [string, string][]} */ ([
  ["3600000", "1 hour"],
  ["28800000", "8 hours"],
  ["604800000", "1 week"],
  ["0", "Until I turn it on again"],
]);
export const EVERYWHERE = "";

/** @param {import("/sdk/index.js").Client} client @param {string} conversation */
const read = ({ rest }, conversation) => (conversation === EVERYWHERE ? rest.push.mode() : rest.groups.pushMode(conversation));

/** @param {import("/sdk/index.js").Client} client @param {string} conversation @param {Mode} mode @param {number} length_ms 0: for good */
function write({ rest }, conversation, mode, length_ms = 0) {
  const until_ms = length_ms === 0 ? 0 : Date.now() + length_ms;
  return conversation === EVERYWHERE ? rest.push.setMode(mode, until_ms) : rest.groups.setPushMode(conversation, mode, until_ms);
}

/** A card that changes it at once. @param {Page} page @param {string} conversation or EVERYWHERE @param {string} title */
export function modeCard(page, conversation, title = "Notifications") {
  return region(async (refresh) => {
    const { mode, until_ms } = await read(page.client, conversation);
    const timed = mode === "none" && until_ms > 0;
    const field = control({ name: "mode", label: "Notify me of", value: mode, options: MODES, attributes: { "data-focus": "mode" } });
    const save = async (/** @type {Mode} */ chosen) => {
      if (await tried(page, () => write(page.client, conversation, chosen))) page.toast("Saved.");
      await refresh();
    };
    field.control.addEventListener("change", () => save(/** @type {Mode} */ (field.read())));
    const mute = async () => {
      if (await askMute(page, conversation, conversation === EVERYWHERE ? "everything" : "this")) await refresh();
    };
    const buttons = [timed ? button("Turn on again", () => save("all"), "primary") : null, button(timed ? "Mute for longer…" : "Mute for a while…", mute)];
    return [card(title, field.box, timed ? hint(`Muted ${untilOf(until_ms, Date.now())}. Then every message is told again.`) : null, el("div", { class: "button-row" }, ...buttons))];
  }).box;
}

/** Whether it was muted. @param {Page | {client: import("/sdk/index.js").Client}} page @param {string} conversation @param {string} what */
export function askMute({ client }, conversation, what) {
  const act = (/** @type {import("./ui.js").Values} */ values) => write(client, conversation, "none", Number(values["for"]));
  return ask({ title: `Mute ${what}?`, text: "No notifications for that long. Messages come in as ever.", fields: [{ name: "for", label: "For how long?", options: MUTES }], submit: "Mute", act });
}

/** From the list: the mode and how long, in one dialog. Whether it was changed. @param {import("/sdk/index.js").Client} client @param {string} conversation @param {string} title */
export async function askMode(client, conversation, title) {
  const { mode, until_ms } = await read(client, conversation);
  const now_ms = Date.now();
  const fields = [
    { name: "mode", label: "Notify me of", value: mode, options: MODES },
    { name: "for", label: "If nothing: for how long?", value: "0", options: MUTES },
  ];
  const act = (/** @type {import("./ui.js").Values} */ values) => {
    const chosen = /** @type {Mode} */ (values["mode"]);
    return write(client, conversation, chosen, chosen === "none" ? Number(values["for"]) : 0);
  };
  const muted = mode === "none" && until_ms > now_ms ? { text: `Muted ${untilOf(until_ms, now_ms)}.` } : {};
  return ask({ title: `Notifications of ${title}`, ...muted, fields, submit: "Save", act });
}
