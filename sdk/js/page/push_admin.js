// What became of everybody's pushes, for administrators: the last results, counts for each push channel, pushes from the server.

import { Admin } from "/sdk/index.js";
import { ask, confirm } from "./ask.js";
import { tried } from "./contacts.js";
import { el } from "./dom.js";
import { fullTimeOf } from "./format.js";
import { resultRow } from "./push_log.js";
import { CHANNELS, STATES } from "./push_words.js";
import { tabs } from "./screens.js";
import { button, card, control, form, hint, region, row, rows, tag } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {import("/sdk/index.js").Push} Campaign */
/** @typedef {import("/sdk/index.js").PushCount} Count */
/** @typedef {import("/sdk/index.js").PushState} PushState */

const HOURS = 24;
const AUDIENCES = /** @type {readonly [string, string][]} */ ([["all", "Everybody with a device"], ["tags", "Who has any of these tags"], ["alias", "These aliases"], ["users", "These users"]]);
const TABS = /** @type {Record<string, (page: Page) => (Node | null)[]>} */ ({ "": resultsTab, stats: statsTab, campaigns: campaignsTab });

/** @type {import("./screens.js").Screen} */
export function adminPushScreen(page, [tab = ""]) {
  const here = tab === "" ? "/admin/pushes" : `/admin/pushes/${tab}`;
  const strip = tabs("Pushes of everybody", [["/admin/pushes", "Last results"], ["/admin/pushes/stats", "Counts"], ["/admin/pushes/campaigns", "Pushes from the server"]], here);
  return [strip, ...(TABS[tab] ?? resultsTab)(page)];
}

/** @param {Page} page */
const adminOf = ({ client }) => new Admin(location.origin, () => client.token());

/** @param {Page} page */
function resultsTab(page) {
  const states = Object.entries(STATES).map(([state, [word]]) => /** @type {[string, string]} */ ([state, word]));
  const state = control({ name: "state", label: "State", value: "", options: [["", "All"], ...states] });
  let user = "";
  const list = region(async () => {
    const results = await adminOf(page).pushResults(user || null, /** @type {PushState | ""} */ (state.read()) || null);
    await page.names(results.map((each) => each.user));
    const items = results.map((each) => resultRow(page, each, page.model().nameOf(each.user)));
    return [rows("Results", items, "Nothing here.")];
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
      const { counts, latencies } = await adminOf(page).pushStats(HOURS);
      /** @type {Map<string, Count[]>} */
      const channels = new Map();
      for (const each of counts) channels.set(each.channel, [...(channels.get(each.channel) ?? []), each]);
      const cards = [...channels].sort(([a], [b]) => a.localeCompare(b)).map(([channel, of]) => countCard(channel === "" ? "Nothing was sent" : (CHANNELS[channel] ?? channel), of, latencies.find((each) => each.channel === channel)));
      return cards.length === 0 ? [card("Counts", hint(`Nothing within the last ${HOURS} hours.`))] : cards;
    }).box,
  ];
}

/** @param {string} title @param {readonly Count[]} counts @param {{p50_ms: number | null, p99_ms: number | null} | undefined} latency */
function countCard(title, counts, latency) {
  const items = [...counts].sort((a, b) => b.count - a.count).map(({ state, reason, count }) => {
    const [word, kind] = STATES[state] ?? [state, ""];
    return row(null, String(count), reason, tag(word, kind));
  });
  const within = (/** @type {number | null} */ ms) => (ms === null ? "more than 30 s" : `${ms} ms`);
  const answers = latency === undefined ? null : hint(`Half of the answers within ${within(latency.p50_ms)}, 99 of 100 within ${within(latency.p99_ms)}.`);
  return card(title, answers, rows(title, items));
}

/** @param {Page} page */
function campaignsTab(page) {
  const list = region(async (refresh) => {
    const { pushes } = await adminOf(page).pushes();
    const make = async () => {
      if (await askPush(page)) await refresh();
    };
    return [card("Pushes from the server", el("div", { class: "button-row" }, button("New push…", make, "primary")), rows("Pushes", pushes.map((each) => campaignRow(page, each, refresh)), "None yet."))];
  });
  return [list.box];
}

/** @param {Page} page @param {Campaign} push @param {() => Promise<void>} refresh */
function campaignRow(page, { campaign, state, audience, audience_of, title, send_at_ms }, refresh) {
  const to = audience === "all" ? "everybody" : `${audience}: ${audience_of.join(", ")}`;
  const cancel = async () => {
    const text = "What was not sent yet is not sent.";
    if (await confirm(`Cancel “${title}”?`, text, "Cancel it", () => adminOf(page).cancelPush(campaign))) await refresh();
  };
  const counts = async () => {
    await tried(page, async () => {
      const { states } = await adminOf(page).push(campaign);
      const words = Object.entries(states).map(([name, count]) => `${count} ${(STATES[name]?.[0] ?? name).toLowerCase()}`);
      page.toast(words.length === 0 ? "No results yet." : words.join(" · "));
    });
  };
  const open = state === "scheduled" || state === "running";
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
    const audience = /** @type {Campaign["audience"]} */ (values["audience"]);
    return adminOf(page).sendPush({ title: String(values["title"]), body: String(values["body"]), audience, audience_of, send_at_ms: at === "" ? 0 : new Date(at).getTime() });
  };
  return ask({ title: "New push", fields, submit: "Send", act });
}
