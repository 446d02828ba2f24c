// What a group's managers do: settings, links, who wants to come, who must stay away.

import { ask, confirm, show } from "./ask.js";
import { tried } from "./contacts.js";
import { el, present, qrPicture } from "./dom.js";
import { fullTimeOf, untilOf } from "./format.js";
import { later } from "./group.js";
import { asSettings, settingFields } from "./groups.js";
import { DURATIONS, button, card, form, hint, row, rows, tag } from "./ui.js";

/** @typedef {import("./group.js").Inside} Inside */

const SLOW = /** @type {[string, string][]} */ ([
  ["0", "Off"],
  ["5000", "One message every 5 seconds"],
  ["30000", "One every 30 seconds"],
  ["60000", "One a minute"],
  ["300000", "One every 5 minutes"],
  ["3600000", "One an hour"],
]);

/** @param {Inside} inside */
export function settingsTab({ page, conversation, group, may, refresh }) {
  const rename = form([{ name: "title", label: "Title", value: group.title, required: true, attributes: { maxlength: 120 } }], "Rename", async (values) => {
    await page.client.groups.rename(conversation, String(values["title"]));
    page.toast("Renamed.");
    await later(refresh);
  }, { inline: true });
  const slow = String(group.settings.slow_mode_ms);
  const known = SLOW.some(([value]) => value === slow) ? SLOW : [...SLOW, /** @type {[string, string]} */ ([slow, `${slow} ms`])];
  const fields = [...settingFields(group.settings), { name: "slow_mode_ms", label: "Slow mode", value: slow, options: known }];
  const settings = form(fields, "Save settings", async (values) => {
    const wanted = { ...group.settings, ...asSettings(values), slow_mode_ms: Number(values["slow_mode_ms"]) };
    await page.client.groups.setSettings(conversation, wanted, group.settings_version);
    page.toast("The settings are saved.");
    await later(refresh);
  }, { buttons: [button("Show how it stands now", refresh)] });
  const version = group.settings_version > 0 ? hint(`Version ${group.settings_version}.`) : null;
  return [may("rename") ? card("Title", rename) : null, may("settings") ? card("Settings", version, settings) : null];
}

/** A link to join: after the hash, so that no server sees its secret. @param {string} conversation @param {string} link_id @param {string} secret */
export const joinAddress = (conversation, link_id, secret) => `${location.origin}/#/join/${conversation}/${link_id}/${secret}`;

/** @param {Inside} inside */
export async function linksTab({ page, conversation, refresh }) {
  const links = await page.client.rest.groups.links(conversation);
  const now_ms = Date.now();
  const items = links.map(({ key, expires_at_ms, uses_limit, approval }) => {
    const uses = uses_limit > 0 ? `${uses_limit} uses` : "any number of uses";
    const below = [expires_at_ms > 0 ? untilOf(expires_at_ms, now_ms) : "without end", uses, approval ? "a manager lets in" : ""].filter((word) => word !== "").join(" · ");
    const name = `link …${key.slice(-6)}`;
    const revoke = async () => {
      if (await confirm("Revoke this link?", "Nobody can join by it any more.", "Revoke", () => page.client.groups.revokeLink(conversation, key))) await later(refresh);
    };
    const over = expires_at_ms > 0 && expires_at_ms <= now_ms;
    return row(null, name, below, over ? tag("Over") : button("Revoke", revoke, "plain danger", { "aria-label": `Revoke ${name}` }));
  });
  const make = async () => {
    const address = await makeLink(page, conversation);
    if (address === "") return;
    await showLink(page, address);
    await later(refresh);
  };
  return [card("Links", hint("Whoever has the link can join. It is shown once: only its fingerprint is kept."), rows("Links", items, "None yet."), el("div", { class: "button-row" }, button("Make a link", make, "primary")))];
}

/** The address, or "" if none was made. @param {import("./screens.js").Page} page @param {string} conversation */
async function makeLink(page, conversation) {
  let address = "";
  await ask({
    title: "Make a link",
    fields: [
      { name: "for", label: "How long does it work?", value: "604800000", options: [["0", "Without end"], ...DURATIONS] },
      { name: "uses", label: "How often?", type: "number", value: "0", hint: "0: any number of times.", attributes: { min: 0, max: 100_000, inputmode: "numeric" } },
      { name: "approval", label: "A manager lets in who comes by it", type: "checkbox" },
    ],
    submit: "Make it",
    act: async (values) => {
      const expires_at_ms = values["for"] === "0" ? 0 : Date.now() + Number(values["for"]);
      const uses_limit = Math.max(0, Number(values["uses"]) || 0);
      const made = await page.client.groups.createLink(conversation, { expires_at_ms, uses_limit, approval: values["approval"] === true });
      address = joinAddress(made.conversation, made.link_id, made.secret);
    },
  });
  return address;
}

/** @param {import("./screens.js").Page} page @param {string} address */
async function showLink(page, address) {
  const svg = await page.client.rest.groups.qr(address).catch(() => "");
  const picture = svg === "" ? null : qrPicture(svg, "QR code of the link");
  const field = /** @type {HTMLInputElement} */ (el("input", { readonly: true, "aria-label": "The link", value: address }));
  field.addEventListener("focus", () => field.select());
  const copy = button("Copy the link", async () => {
    field.select();
    await navigator.clipboard?.writeText(address).then(() => page.toast("Copied."), () => undefined);
  });
  const body = [hint("Give it to whom you want in the group. It is not shown again."), ...(picture === null ? [] : [picture]), field, el("div", { class: "button-row" }, copy)];
  await show("The link", body);
}

/** @param {Inside} inside */
export async function requestsTab({ page, conversation, may, refresh }) {
  const allowed = { applications: may("review"), invitations: may("invite"), bans: may("ban") };
  const { groups } = page.client.rest;
  const [applications, invitations, bans] = await Promise.all([
    allowed.applications ? groups.applications(conversation) : [],
    allowed.invitations ? groups.invitations(conversation) : [],
    allowed.bans ? groups.bans(conversation) : [],
  ]);
  await page.names([...applications, ...invitations, ...bans].map((entry) => entry.key));
  const again = async (/** @type {() => Promise<unknown>} */ work) => {
    if (await tried(page, work)) await later(refresh);
  };
  const now_ms = Date.now();
  const asks = applications.map(({ key: user, text, at_ms }) => {
    const name = page.model().nameOf(user);
    return row(
      present(name, user, ""),
      name,
      text ? `“${text}”` : `applied ${fullTimeOf(at_ms)}`,
      button("Decline", () => decline(page, conversation, user, name, refresh), "plain", { "aria-label": `Decline ${name}` }),
      button("Accept", () => again(() => page.client.groups.answerApplication(conversation, user, true)), "primary", { "aria-label": `Accept ${name}` }),
    );
  });
  const invited = invitations.map(({ key: user, at_ms }) => row(present(page.model().nameOf(user), user, ""), page.model().nameOf(user), at_ms ? `invited ${fullTimeOf(at_ms)}` : "", tag("Waiting")));
  const banned = bans.map(({ key: user, until_ms, reason }) => {
    const name = page.model().nameOf(user);
    return row(present(name, user, ""), name, [untilOf(until_ms, now_ms), reason].filter((word) => word !== "").join(" · "), button("Lift the ban", () => again(() => page.client.groups.unban(conversation, user)), "plain", { "aria-label": `Lift the ban of ${name}` }));
  });
  return [
    allowed.applications ? card("Want to join", rows("Applications", asks, "Nobody waits for an answer.")) : null,
    allowed.invitations ? card("Invited", rows("Invitations", invited, "Nobody is invited.")) : null,
    allowed.bans ? card("Banned", rows("Banned people", banned, "Nobody is banned.")) : null,
  ];
}

/** @param {import("./screens.js").Page} page @param {string} conversation @param {string} user @param {string} name @param {() => Promise<void>} refresh */
async function decline(page, conversation, user, name, refresh) {
  const done = await ask({
    title: `Decline ${name}?`,
    fields: [{ name: "reason", label: "Why?", hint: "They read it. Optional.", attributes: { maxlength: 200 } }],
    submit: "Decline",
    act: (values) => page.client.groups.answerApplication(conversation, user, false, String(values["reason"])),
  });
  if (done) await later(refresh);
}
