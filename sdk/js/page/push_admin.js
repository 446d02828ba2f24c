// What became of everybody's pushes, for administrators: the last results, counts for each push channel, pushes from the server.

import { ask, confirm } from "./ask.js";
import { tried } from "./contacts.js";
import { el } from "./dom.js";
import { fullTimeOf } from "./format.js";
import { resultRow } from "./push_log.js";
import { CHANNELS, STATES } from "./push_words.js";
import { tabs } from "./screens.js";
import { button, card, control, form, hint, region, row, rows, tag } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {import("./push_words.js").PushResult} PushResult */
/** @typedef {{campaign: string, state: string, audience: string, audience_of: string[], title: string, body: string, send_at_ms: number, by: string, users: number}} Campaign */
/** @typedef {{channel: string, state: string, reason: string, count: number}} Count */

const LIMIT = 100;
const AUDIENCES = /** @type {readonly [string, string][]} */ ([["all", "Everybody with a device"], ["tags", "Who has any of these tags"], ["alias", "These aliases"], ["users", "These users"]]);
const TABS = /** @type {Record<string, (page: Page) => (Node | null)[]>} */ ({ "": resultsTab, stats: statsTab, campaigns: campaignsTab });

/** @type {import("./screens.js").Screen} */
export function adminPushScreen(page, [tab = ""]) {
  const here = tab === "" ? "/admin/pushes" : `/admin/pushes/${tab}`;
  const strip = tabs("Pushes of everybody", [["/admin/pushes", "Last results"], ["/admin/pushes/stats", "Counts"], ["/admin/pushes/campaigns", "Pushes from the server"]], here);
  return [strip, ...(TABS[tab] ?? resultsTab)(page)];
}

/** @param {Page} page @param {string} path @returns {Promise<any>} */
const read = (page, path) => page.client.rest.call("GET", path);

/** @param {Page} page */
function resultsTab(page) {
  const states = Object.entries(STATES).map(([state, [word]]) => /** @type {[string, string]} */ ([state, word]));
  const state = control({ name: "state", label: "State", value: "", options: [["", "All"], ...states] });
  let user = "";
  const list = region(async () => {
    const query = new URLSearchParams({ limit: String(LIMIT), ...(user === "" ? {} : { user }), ...(state.read() === "" ? {} : { state: String(state.read()) }) });
    const { results } = await read(page, `/v1/admin/push/results?${query}`);
    await page.names(results.map((/** @type {PushResult} */ each) => each.user));
    return [rows("Results", results.map((/** @type {PushResult} */ each) => resultRow(page, each, page.model().nameOf(each.user))), "Nothing here.")];
  });
  state.control.addEventListener("change", list.refresh);
  const whose = form([{ name: "name", label: "User", hint: "A name. Empty: everybody." }], "Show", async (values) => {
    const name = String(values["name"]);
    user = name === "" ? "" : (await page.client.rest.userByName(name)).user;
    await list.refresh();
  }, { inline: true, kind: "plain" });
  return [card("Last results", whose, state.box, list.box)];
}

/** @param {Page} page */
function statsTab(page) {
  return [
    region(async () => {
      const { counts } = await read(page, "/v1/admin/push/stats");
      /** @type {Map<string, Count[]>} */
      const channels = new Map();
      for (const each of counts) channels.set(each.channel, [...(channels.get(each.channel) ?? []), each]);
      const cards = [...channels].sort(([a], [b]) => a.localeCompare(b)).map(([channel, of]) => countCard(channel === "" ? "Nothing was sent" : (CHANNELS[channel] ?? channel), of));
      return cards.length === 0 ? [card("Counts", hint("Nothing was sent yet."))] : cards;
    }).box,
  ];
}

/** @param {string} title @param {readonly Count[]} counts */
function countCard(title, counts) {
  const items = [...counts].sort((a, b) => b.count - a.count).map(({ state, reason, count }) => {
    const [word, kind] = STATES[state] ?? [state, ""];
    return row(null, String(count), reason, tag(word, kind));
  });
  return card(title, rows(title, items));
}

/** @param {Page} page */
function campaignsTab(page) {
  const list = region(async (refresh) => {
    const { pushes } = await read(page, "/v1/admin/pushes");
    const make = async () => {
      if (await askPush(page)) await refresh();
    };
    return [card("Pushes from the server", el("div", { class: "button-row" }, button("New push…", make, "primary")), rows("Pushes", pushes.map((/** @type {Campaign} */ each) => campaignRow(page, each, refresh)), "None yet."))];
  });
  return [list.box];
}

/** @param {Page} page @param {Campaign} push @param {() => Promise<void>} refresh */
function campaignRow(page, { campaign, state, audience, audience_of, title, send_at_ms }, refresh) {
  const to = audience === "all" ? "everybody" : `${audience}: ${audience_of.join(", ")}`;
  const cancel = async () => {
    const text = "What was not sent yet is not sent.";
    if (await confirm(`Cancel “${title}”?`, text, "Cancel it", () => page.client.rest.call("DELETE", `/v1/admin/pushes/${campaign}`))) await refresh();
  };
  const counts = async () => {
    await tried(page, async () => {
      const { states } = await read(page, `/v1/admin/pushes/${campaign}`);
      const words = Object.entries(states).map(([name, count]) => `${count} ${(STATES[name]?.[0] ?? name).toLowerCase()}`);
      page.toast(words.length === 0 ? "No results yet." : words.join(" · "));
    });
  };
  const open = state === "scheduled" || state === "started";
  return row(null, title, `${to} · ${fullTimeOf(send_at_ms)}`, tag(state, state === "finished" ? "good" : ""), button("Results", counts, "plain", { "aria-label": `Results of ${title}` }), open ? button("Cancel", cancel, "plain danger", { "aria-label": `Cancel ${title}` }) : null);
}

/** Whether it was made. @param {Page} page */
function askPush(page) {
  const fields = [
    { name: "title", label: "Title", required: true, attributes: { maxlength: 200 } },
    { name: "body", label: "Text", rows: 3, attributes: { maxlength: 2_000 } },
    { name: "audience", label: "To", options: AUDIENCES },
    { name: "of", label: "Tags, aliases or ids of users", hint: "Separated by commas; empty for everybody." },
    { name: "at", label: "When", type: "datetime-local", hint: "Empty: now." },
  ];
  const act = (/** @type {import("./ui.js").Values} */ values) => {
    const audience_of = String(values["of"]).split(",").map((word) => word.trim()).filter((word) => word !== "");
    const at = String(values["at"]);
    const { title, body, audience } = values;
    return page.client.rest.call("POST", "/v1/admin/pushes", { title, body, audience, audience_of, send_at_ms: at === "" ? 0 : new Date(at).getTime() });
  };
  return ask({ title: "New push", fields, submit: "Send", act });
}
