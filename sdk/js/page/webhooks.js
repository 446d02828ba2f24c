// Webhooks for administrators: which there are, how their receivers do, what became of deliveries, and deliveries once more.

import { Admin } from "/sdk/index.js";
import { ask, confirm, show, steppedUp } from "./ask.js";
import { tried } from "./contacts.js";
import { el } from "./dom.js";
import { fullTimeOf } from "./format.js";
import { button, card, control, hint, link, moreButton, region, row, rows, tag } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {import("/sdk/index.js").Webhook} Webhook */
/** @typedef {import("/sdk/index.js").WebhookDelivery} Delivery */
/** @typedef {import("/sdk/index.js").WebhookDeadLetter} DeadLetter */
/** @typedef {import("/sdk/index.js").WebhookPlace} Place */

/** What states are called, and how they look. @type {Record<string, readonly [string, string]>} */
const STATES = { live: ["Live", "good"], paused: ["Paused", ""], disabled: ["Disabled", "bad"], delivered: ["Delivered", "good"], retrying: ["Will be tried again", ""], given_up: ["Given up", "bad"] };
const DISABLED = /** @type {Record<string, string>} */ ({ gone: "the receiver said that it is gone", failing: "the receiver took nothing for days" });
const KEPT_MS = 24 * 3_600_000;

/** @param {Page} page */
const hooksOf = ({ client }) => new Admin(location.origin, () => client.token()).hooks;

/** @param {string} state */
const stateTag = (state) => tag(...(STATES[state] ?? /** @type {const} */ ([state, ""])));

/** @param {string} text */
const words = (text) => text.split(/[\s,]+/).filter((word) => word !== "");

/** @type {import("./screens.js").Screen} */
export function webhooksScreen(page, [id = ""]) {
  return id === "" ? listed(page) : [detail(page, id), deliveries(page, id)];
}

// ---- all of them

/** @param {Page} page */
function listed(page) {
  const list = region(async (refresh) => {
    const { webhooks, event_types } = await hooksOf(page).webhooks();
    const add = async () => {
      if (await setWebhook(page, null, event_types)) await refresh();
    };
    const items = webhooks.map((each) => row(null, each.about || each.url, whatOf(each), stateTag(each.state), link(`#/admin/webhooks/${encodeURIComponent(each.webhook)}`, "Show", "plain as-button")));
    return [card("Webhooks", hint("Addresses that hear of events, in the order of each conversation, until they have taken them."), el("div", { class: "button-row" }, button("New webhook…", add, "primary")), rows("Webhooks", items, "None yet."))];
  });
  return [list.box];
}

/** @param {Webhook} webhook */
function whatOf({ about, url, types, conversations }) {
  const what = types.length === 0 ? "all events" : types.join(", ");
  const where = conversations.length === 0 ? "" : ` of ${conversations.length} ${conversations.length === 1 ? "conversation" : "conversations"}`;
  return `${about === "" ? "" : `${url} · `}${what}${where}`;
}

/** Whether it was set; a new one's secret is shown. @param {Page} page @param {Webhook | null} known @param {readonly string[]} event_types */
async function setWebhook(page, known, event_types) {
  let secret = "";
  /** @type {import("./ui.js").Field[]} */
  const fields = [
    { name: "url", label: "Address", value: known?.url ?? "", required: true, attributes: { maxlength: 2_000, placeholder: "https://" } },
    { name: "about", label: "What it is", value: known?.about ?? "", attributes: { maxlength: 200 } },
    { name: "types", label: "Event types", value: (known?.types ?? []).join(" "), rows: 2, hint: `Empty for all. ${event_types.join(", ")}` },
    { name: "conversations", label: "Conversations", value: (known?.conversations ?? []).join(" "), rows: 2, hint: "Their ids; empty for all." },
    { name: "enabled", label: "Deliver", type: "checkbox", value: known === null || known.state !== "paused" },
  ];
  const act = async (/** @type {import("./ui.js").Values} */ values) => {
    const wishes = { url: String(values["url"]).trim(), about: String(values["about"]), types: words(String(values["types"])), conversations: words(String(values["conversations"])), enabled: values["enabled"] === true };
    const hooks = hooksOf(page);
    await steppedUp(page.client, async () => {
      if (known === null) secret = (await hooks.makeWebhook(wishes)).secret;
      else await hooks.changeWebhook(known.webhook, wishes);
    });
  };
  const done = await ask({ title: known === null ? "New webhook" : "Change the webhook", fields, submit: "Save", wide: true, act });
  if (secret !== "") await showSecret(secret);
  return done;
}

/** @param {string} secret */
const showSecret = (secret) => show("Its secret", [hint("The receiver checks signatures with it. It is shown now and never again."), el("p", { class: "secret", tabindex: "0", text: secret })]);

// ---- one of them

/** @param {Page} page @param {string} id */
function detail(page, id) {
  return region(async (refresh) => {
    const webhook = await hooksOf(page).webhook(id);
    page.title(webhook.about || "Webhook");
    const change = async () => {
      const { event_types } = await hooksOf(page).webhooks();
      if (await setWebhook(page, webhook, event_types)) await refresh();
    };
    const more = moreButton("More", () => [
      { label: "Change the secret…", act: () => void rotate(page, id).then(refresh) },
      { label: "Remove…", danger: true, act: () => void remove(page, webhook) },
    ]);
    const buttons = [button(webhook.state === "live" ? "Change…" : "Change or enable…", change), button("Deliver again from…", () => replay(page, id).then(refresh)), button("Look again", refresh), more];
    return [card(webhook.url, hint(whatOf({ ...webhook, about: "" })), el("p", {}, stateTag(webhook.state)), ...standingOf(webhook), el("div", { class: "button-row" }, ...buttons))];
  }).box;
}

/** How it does, in words. @param {Webhook & {standing: import("/sdk/index.js").WebhookStanding | null}} webhook */
function standingOf({ state, standing, disabled_reason, disabled_at_ms }) {
  const said = state === "disabled" ? [hint(`Disabled at ${fullTimeOf(disabled_at_ms)}: ${DISABLED[disabled_reason] ?? disabled_reason}. Nothing is lost; enable it to go on.`)] : [];
  if (standing === null) return [...said, hint("Nothing was delivered yet.")];
  const taken = standing.taken_ms === 0 ? "Nothing was taken yet." : `Something was taken last at ${fullTimeOf(standing.taken_ms)}.`;
  const failing = standing.failures_row === 0 ? "" : ` Failing since ${fullTimeOf(standing.failing_since_ms)}${standing.next_try_ms === 0 ? "" : `, tried next at ${fullTimeOf(standing.next_try_ms)}`}.`;
  const waits = standing.behind === 1 ? "1 conversation that waits" : `${standing.behind} conversations that wait`;
  return [...said, hint(`${standing.lag} records to look at, ${waits}. ${taken}${failing}`)];
}

/** @param {Page} page @param {string} id */
async function rotate(page, id) {
  await tried(page, async () => showSecret(await steppedUp(page.client, () => hooksOf(page).rotateWebhookSecret(id, KEPT_MS))));
}

/** @param {Page} page @param {Webhook} webhook */
async function remove(page, { webhook, url }) {
  const act = () => steppedUp(page.client, () => hooksOf(page).removeWebhook(webhook));
  if (await confirm("Remove the webhook?", `${url} hears of nothing more.`, "Remove", act)) page.go("/admin/webhooks");
}

/** @param {Page} page @param {string} id */
function replay(page, id) {
  const field = { name: "begin", label: "From", required: true, hint: "start, end, a time like 2026-11-26T09:00:00Z, offset:<topic>:<partition>:<n>, or seq:<conversation>:<n>" };
  const act = (/** @type {import("./ui.js").Values} */ values) => steppedUp(page.client, () => hooksOf(page).replayWebhook(id, String(values["begin"]).trim()));
  return ask({ title: "Deliver again", text: "Everything from there on is delivered again, in order. What was delivered before is marked.", fields: [field], submit: "Deliver again", act });
}

// ---- deliveries

/** @param {Page} page @param {string} id */
function deliveries(page, id) {
  const state = control({ name: "state", label: "State", value: "", options: [["", "All"], ["delivered", "Delivered"], ["retrying", "Will be tried again"], ["given_up", "Given up"], ["letters", "Dead letters"]] });
  const list = region(async (refresh) => {
    const wanted = String(state.read());
    if (wanted === "letters") return [rows("Dead letters", (await hooksOf(page).webhookDeadLetters(id)).map((each) => letterRow(page, id, each, refresh)), "None.")];
    const found = await hooksOf(page).webhookDeliveries(id, /** @type {Delivery["state"] | ""} */ (wanted) || null);
    return [rows("Deliveries", found.map((each) => deliveryRow(page, id, each, refresh)), "None yet.")];
  });
  state.control.addEventListener("change", list.refresh);
  return card("Deliveries", el("div", { class: "button-row" }, button("Read again", list.refresh)), state.box, list.box);
}

/** @param {Page} page @param {string} id @param {Delivery} each @param {() => Promise<void>} refresh */
function deliveryRow(page, id, each, refresh) {
  const answer = each.status === 0 ? each.reason : `HTTP ${each.status}`;
  const next = each.state === "retrying" && each.next_ms !== 0 ? ` · again at ${fullTimeOf(each.next_ms)}` : "";
  const below = `${fullTimeOf(each.at_ms)} · ${answer} · ${each.latency_ms} ms · try ${each.tries}${each.again ? " · repeated" : ""}${next}`;
  return row(null, nameOf(each), below, stateTag(each.state), redeliver(page, id, each, refresh));
}

/** @param {Page} page @param {string} id @param {DeadLetter} each @param {() => Promise<void>} refresh */
function letterRow(page, id, each, refresh) {
  const answer = each.status === 0 ? each.reason : `HTTP ${each.status}`;
  return row(null, nameOf(each), `${fullTimeOf(each.first_ms)} to ${fullTimeOf(each.at_ms)} · ${answer} · ${each.tries} tries`, redeliver(page, id, each, refresh));
}

/** @param {{type: string, conversation: string}} each */
const nameOf = ({ type, conversation }) => (conversation === "" ? type : `${type} in ${conversation}`);

/** @param {Page} page @param {string} id @param {Place & {type: string}} place @param {() => Promise<void>} refresh */
function redeliver(page, id, place, refresh) {
  const act = async () => {
    const done = await tried(page, () => steppedUp(page.client, () => hooksOf(page).redeliverToWebhook(id, place)));
    if (done) page.toast("It is delivered once more.");
    await refresh();
  };
  const at = `${place.topic} ${place.partition}:${place.offset}`;
  return button("Redeliver", act, "plain", { "aria-label": `Redeliver ${place.type} at ${at}`, "data-focus": at });
}
