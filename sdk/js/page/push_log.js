// What became of pushes: the user's own, each with its reason in plain words.

import { accountTabs } from "./account.js";
import { el } from "./dom.js";
import { fullTimeOf } from "./format.js";
import { CHANNELS, STATES, isOf, perSend, wordsOfResult } from "./push_words.js";
import { card, control, hint, link, region, row, rows, tag } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {import("./push_words.js").PushResult} PushResult */

const LIMIT = 100;
const CHOICES = /** @type {readonly [string, string][]} */ ([["", "All"], ["sent", "Sent"], ["held", "Held back"], ["failed", "Failed"]]);

/** @type {import("./screens.js").Screen} */
export function pushLogScreen(page) {
  const choice = control({ name: "state", label: "Show", value: "", options: CHOICES });
  const list = region(async () => {
    const [results, me] = await Promise.all([page.client.rest.push.results(LIMIT), page.client.rest.people.me()]);
    await page.names(results.flatMap(({ conversation }) => page.model().directory.conversations.get(conversation)?.peer ?? []));
    const wanted = perSend(results).filter(({ state }) => isOf(state, String(choice.read())));
    const admin = me.role === "user" ? null : el("div", { class: "button-row" }, link("#/admin/pushes", "Pushes of everybody", "plain as-button"), link("#/admin/webhooks", "Webhooks", "plain as-button"));
    return [card("Your last notifications", hint("The newest first."), choice.box, rows("Results", wanted.map((each) => resultRow(page, each)), "Nothing here."), admin)];
  });
  choice.control.addEventListener("change", list.refresh);
  page.listen(({ kind }) => {
    if (kind === "directory") void list.refresh(); // which says what the conversations are called
  });
  return [accountTabs("/account/notifications"), list.box];
}

/** @param {Page} page @param {PushResult} result @param {string} who in front of it, where it is not the own user's */
export function resultRow(page, result, who = "") {
  const [word, kind] = STATES[result.state] ?? [result.state, ""];
  const by = [CHANNELS[result.channel] ?? result.channel, result.tries > 1 ? `${result.tries} tries` : "", result.latency_ms ? `${result.latency_ms} ms` : "", fullTimeOf(result.at_ms)];
  const title = [who, aboutOf(page, result)].filter((text) => text !== "").join(" · ");
  return row(null, title, `${wordsOfResult(result)} ${by.filter((text) => text !== "").join(" · ")}`, tag(word, kind));
}

/** What it was about. @param {Page} page @param {PushResult} result */
function aboutOf(page, { purpose, conversation }) {
  if (purpose === "campaign") return "Announcement of the server";
  const listed = page.model().directory.conversations.get(conversation);
  const title = listed === undefined ? "A conversation" : page.model().titleOf(listed);
  return purpose === "call" ? `Call in ${title}` : title;
}
