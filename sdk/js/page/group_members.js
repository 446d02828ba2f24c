// The members of a group, a page at a time, and what may be done about each of them.

import { ask, confirm } from "./ask.js";
import { tried } from "./contacts.js";
import { namesIn, usersOf } from "./dialogs.js";
import { el, present } from "./dom.js";
import { untilOf } from "./format.js";
import { later } from "./group.js";
import { DURATIONS, button, card, form, link, moreButton, region, row, rows, tag } from "./ui.js";

/** @typedef {import("./group.js").Inside} Inside */
/** @typedef {import("/sdk/index.js").MemberItem} GroupMember */

const PAGE_MEMBERS = 50;

/** @param {Inside} inside */
export function membersTab(inside) {
  return [addCard(inside), membersCard(inside)];
}

/** @param {Inside} inside */
function addCard({ page, conversation, may, refresh }) {
  if (!may("add") && !may("invite")) return null;
  const { groups } = page.client;
  const words = may("add") ? "Add by name" : "Invite by name";
  const inner = form([{ name: "names", label: words, required: true, attributes: { autocapitalize: "none", maxlength: 500 } }], may("add") ? "Add" : "Invite", async (values) => {
    for (const member of await usersOf(page.client, namesIn(String(values["names"])))) await (may("add") ? groups.add(conversation, member) : groups.invite(conversation, member));
    page.toast(may("add") ? "Added." : "Invited: they are asked whether they want to.");
    await later(refresh);
  }, { inline: true });
  const invite = may("add") && may("invite") ? button("Invite instead…", () => inviteByName(page, conversation)) : null;
  return card("More members", inner, invite === null ? null : el("div", { class: "button-row" }, invite));
}

/** @param {import("./screens.js").Page} page @param {string} conversation */
async function inviteByName(page, conversation) {
  const done = await ask({
    title: "Invite to the group",
    text: "They are asked, and join when they say yes.",
    fields: [{ name: "names", label: "Names", required: true, attributes: { autocapitalize: "none", maxlength: 500 } }],
    submit: "Invite",
    act: async (values) => {
      for (const member of await usersOf(page.client, namesIn(String(values["names"])))) await page.client.groups.invite(conversation, member);
    },
  });
  if (done) page.toast("Invited.");
}

/** @param {Inside} inside */
function membersCard(inside) {
  const { page, conversation, group } = inside;
  /** @type {GroupMember[]} */
  const known = [];
  /** @type {string | null} */
  let next = null;
  const list = region(async (refresh) => {
    const answer = await membersPage(page, conversation, next);
    known.push(...answer.members);
    next = answer.next;
    await page.names(answer.members.map((member) => member.user));
    const items = known.map((member) => memberRow(inside, member));
    const more = next === null ? null : el("div", { class: "button-row" }, button(`Show more (${known.length} of ${group.members_count})`, refresh, "plain", { "data-focus": "more" }));
    return [rows("Members", items), more];
  });
  return card(`Members (${group.members_count})`, list.box);
}

/** @param {import("./screens.js").Page} page @param {string} conversation @param {string | null} after @returns {Promise<{members: GroupMember[], next: string | null}>} */
function membersPage(page, conversation, after) {
  const more = after === null ? "" : `&after=${encodeURIComponent(after)}`;
  return page.client.rest.call("GET", `/v1/conversations/${encodeURIComponent(conversation)}/members?limit=${PAGE_MEMBERS}${more}`);
}

/** @param {Inside} inside @param {GroupMember} member */
function memberRow(inside, member) {
  const { page } = inside;
  const model = page.model();
  const own = member.user === model.user;
  const name = model.nameOf(member.user);
  const now_ms = Date.now();
  const muted = (member.muted_until_ms ?? 0) > now_ms ? `muted ${untilOf(member.muted_until_ms ?? 0, now_ms)}` : "";
  const below = [member.nickname ? name : "", own ? "you" : model.presenceText(member.user, now_ms), muted].filter((word) => word !== "").join(" · ");
  const entries = own ? [] : actionsOf(inside, member, name);
  const item = row(
    present(name, member.user, model.stateOf(member.user)),
    member.nickname || name,
    below,
    member.role === "member" ? null : tag(member.role),
    entries.length === 0 ? null : moreButton(`What to do about ${name}`, () => entries),
  );
  if (!own) item.querySelector("strong")?.replaceWith(link(`#/contact/${encodeURIComponent(member.user)}`, member.nickname || name, "row-link"));
  return item;
}

/** What the own role may do about somebody below it. @param {Inside} inside @param {GroupMember} member @param {string} name */
function actionsOf(inside, member, name) {
  const { page, conversation, roles, level, may, refresh, group } = inside;
  const theirs = roles.find((role) => role.key === member.role)?.level ?? 0;
  if (theirs >= level) return [];
  const run = (/** @type {Promise<boolean>} */ work) => void work.then((done) => (done ? later(refresh) : undefined));
  const { groups } = page.client;
  const muted = (member.muted_until_ms ?? 0) > Date.now();
  /** @type {{label: string, act: () => void}[]} */
  const entries = [];
  if (may("appoint")) entries.push({ label: "Change role…", act: () => run(changeRole(inside, member, name)) });
  if (may("nicknames")) entries.push({ label: "Change nickname…", act: () => run(rename(inside, member, name)) });
  if (may("mute")) {
    if (muted) entries.push({ label: "Let speak again", act: () => run(tried(page, () => groups.mute(conversation, member.user, 0))) });
    else entries.push({ label: "Mute…", act: () => run(mute(name, (until_ms) => groups.mute(conversation, member.user, until_ms))) });
  }
  if (may("remove")) entries.push({ label: "Remove…", act: () => run(confirm(`Remove ${name}?`, "They can come back if they are let in.", "Remove", () => groups.remove(conversation, member.user))) });
  if (may("ban")) entries.push({ label: "Ban…", act: () => run(ban(name, ({ until_ms, reason }) => groups.ban(conversation, member.user, until_ms, reason))) });
  if (group.role === "owner") {
    const text = "You become an admin, and only the new owner can give it back.";
    entries.push({ label: "Hand the group over…", act: () => run(confirm(`Make ${name} the owner?`, text, "Hand over", () => groups.setRole(conversation, member.user, "owner"))) });
  }
  return entries;
}

/** @param {Inside} inside @param {GroupMember} member @param {string} name */
function changeRole({ page, conversation, roles, level }, member, name) {
  const below = roles.filter((role) => role.level < level).sort((a, b) => b.level - a.level);
  return ask({
    title: `Role of ${name}`,
    fields: [{ name: "role", label: "Role", value: member.role, options: below.map(({ key: role }) => /** @type {[string, string]} */ ([role, role])) }],
    submit: "Save",
    act: (values) => page.client.groups.setRole(conversation, member.user, String(values["role"])),
  });
}

/** @param {Inside} inside @param {GroupMember} member @param {string} name */
function rename({ page, conversation }, member, name) {
  return ask({
    title: `Name of ${name} in this group`,
    fields: [{ name: "nickname", label: "Nickname", value: member.nickname ?? "", hint: "Empty: their own name.", attributes: { maxlength: 64 } }],
    submit: "Save",
    act: (values) => page.client.rest.groups.setNickname(conversation, member.user, String(values["nickname"])),
  });
}

/** @param {string} name @param {(until_ms: number) => Promise<unknown>} act */
function mute(name, act) {
  const fields = [{ name: "for", label: "For how long?", options: DURATIONS }];
  return ask({ title: `Mute ${name}?`, text: "They can read, and not write.", fields, submit: "Mute", act: (values) => act(Date.now() + Number(values["for"])) });
}

/** @param {string} name @param {(more: {until_ms: number, reason: string}) => Promise<unknown>} act */
function ban(name, act) {
  return ask({
    title: `Ban ${name}?`,
    text: "They leave the group and cannot come back until the ban is over.",
    fields: [
      { name: "for", label: "For how long?", options: [["0", "For good"], ...DURATIONS] },
      { name: "reason", label: "Why?", attributes: { maxlength: 200 } },
    ],
    submit: "Ban",
    danger: true,
    act: (values) => act({ until_ms: values["for"] === "0" ? 0 : Date.now() + Number(values["for"]), reason: String(values["reason"]) }),
  });
}
