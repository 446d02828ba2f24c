// A group from inside: what it is, what you may do in it, and the tabs of its managers.

import { ask, confirm, steppedUp } from "./ask.js";
import { tried } from "./contacts.js";
import { avatar, el } from "./dom.js";
import { untilOf } from "./format.js";
import { announcementsTab } from "./group_board.js";
import { linksTab, requestsTab, settingsTab } from "./group_manage.js";
import { membersTab } from "./group_members.js";
import { rolesOf, rolesTab } from "./group_roles.js";
import { modeCard } from "./push_modes.js";
import { tabs } from "./screens.js";
import { DURATIONS, button, card, form, hint, link, region, tag } from "./ui.js";

/**
 * What a tab is made from. `may`: what the own role may do here; `level`: how high it stands.
 *
 * @typedef {import("./screens.js").Page} Page
 * @typedef {import("/sdk/index.js").RoleItem} GroupRole
 * @typedef {{page: Page, conversation: string, group: import("/sdk/index.js").GroupInfo, roles: GroupRole[], level: number, may: (permission: string) => boolean,
 *   refresh: () => Promise<void>}} Inside
 */

const TABS = /** @type {Record<string, (inside: Inside) => Promise<(Node | null)[]> | (Node | null)[]>} */ ({
  "": aboutTab,
  members: membersTab,
  announcements: announcementsTab,
  requests: requestsTab,
  links: linksTab,
  settings: settingsTab,
  roles: rolesTab,
});
const OF_MANAGERS = /** @type {readonly [string, string, readonly string[]][]} */ ([
  ["requests", "Requests", ["review", "invite"]],
  ["links", "Links", ["links"]],
  ["settings", "Settings", ["settings", "rename"]],
  ["roles", "Roles", ["roles"]],
]);
const OF_MESSAGES = new Set(["message_sent", "message_edited", "message_recalled", "reaction_added", "reaction_removed", "read_marked", "hidden"]);
const SETTLED_MS = [400, 2_500]; // the pages are read from a projection: a moment behind the event, or a longer one

/** @type {import("./screens.js").Screen} */
export function groupScreen(page, [conversation = "", tab = ""]) {
  const make = TABS[tab] ?? aboutTab;
  const whole = region(async (refresh) => {
    const [group, defined] = await Promise.all([page.client.rest.groups.info(conversation), page.client.rest.groups.roles(conversation)]);
    page.title(group.title || "Group");
    const roles = rolesOf(group.conversation_kind, defined);
    const level = roles.find((role) => role.key === group.role)?.level ?? 0;
    const may = (/** @type {string} */ permission) => !group.dissolved && group.permissions.some((own) => own === permission);
    const inside = { page, conversation, group, roles, level, may, refresh };
    return [groupTabs(inside, tab), ...(await make(inside))];
  });
  /** @type {ReturnType<typeof setTimeout>[]} */
  let timers = [];
  const again = () => {
    // not under somebody's fingers: what is being typed stays
    const busy = document.querySelector("dialog[open], .menu:not([hidden])") !== null || (whole.box.contains(document.activeElement) && document.activeElement?.closest("form") !== null);
    if (!busy) void whole.refresh();
  };
  page.listen((heard) => {
    if (heard.kind !== "event" || heard.conversation !== conversation || OF_MESSAGES.has(heard.event.kind)) return;
    for (const timer of timers) clearTimeout(timer);
    timers = SETTLED_MS.map((wait_ms) => setTimeout(again, wait_ms));
  });
  return [whole.box];
}

/** @param {Inside} inside @param {string} tab */
function groupTabs({ conversation, may }, tab) {
  const base = `/group/${conversation}`;
  const managed = OF_MANAGERS.filter(([, , wanted]) => wanted.some(may)).map(([name, text]) => /** @type {[string, string]} */ ([`${base}/${name}`, text]));
  return tabs("Group", [[base, "About"], [`${base}/members`, "Members"], [`${base}/announcements`, "Announcements"], ...managed], tab === "" ? base : `${base}/${tab}`);
}

/** @param {Inside} inside */
async function aboutTab(inside) {
  const { page, conversation, group } = inside;
  const { description, visibility, slow_mode_ms } = group.settings;
  const count = group.members_count === 1 ? "1 member" : `${group.members_count} members`;
  const kind = group.conversation_kind === "channel" ? "Channel" : "Group";
  const facts = [visibility === "public" ? "public" : "private", count, `you are ${group.role ?? "no member"}`].join(" · ");
  const now_ms = Date.now();
  const head = card(
    "",
    el("div", { class: "profile-head" }, avatar(group.title, conversation, "large"), el("div", {}, el("strong", { class: "person-name", text: group.title || "Untitled group" }), el("p", { class: "hint", text: `${kind} · ${facts}` }))),
    description ? el("p", { class: "about", text: description }) : null,
    group.dissolved ? tag("Dissolved: it can only be read", "bad") : null,
    group.muted_all_until_ms > now_ms ? tag(`Everybody is muted ${untilOf(group.muted_all_until_ms, now_ms)}`, "bad") : null,
    slow_mode_ms > 0 ? tag(`Slow mode: one message every ${secondsOf(slow_mode_ms)}`) : null,
    el("div", { class: "button-row" }, link(`#${conversation}`, "Open the conversation", "primary as-button")),
  );
  return [head, group.dissolved ? null : ownCard(inside), group.role === null ? null : modeCard(page, conversation), speakingCard(inside), endCard(inside)];
}

/** @param {number} ms */
export const secondsOf = (ms) => (ms < 60_000 ? `${Math.round(ms / 1_000)} seconds` : `${Math.round(ms / 60_000)} minutes`);

/** @param {Inside} inside */
function ownCard({ page, conversation, refresh }) {
  const user = page.model().user;
  const inner = form([{ name: "nickname", label: "Your name here", hint: "Left empty, it is your own.", attributes: { maxlength: 64 } }], "Save", async (values) => {
    await page.client.rest.groups.setNickname(conversation, user, String(values["nickname"]));
    page.toast("Saved.");
    await refresh();
  }, { inline: true, kind: "plain" });
  return card("You in this group", inner);
}

/** @param {Inside} inside */
function speakingCard(inside) {
  const { page, conversation, group, may, refresh } = inside;
  if (!may("mute")) return null;
  const muted = group.muted_all_until_ms > Date.now();
  const muteAll = async () => {
    const fields = [{ name: "for", label: "For how long?", options: DURATIONS }];
    const act = (/** @type {import("./ui.js").Values} */ values) => page.client.groups.muteAll(conversation, Date.now() + Number(values["for"]));
    if (await ask({ title: "Mute everybody?", text: "Only those whose role may speak then can write.", fields, submit: "Mute everybody", act })) await later(refresh);
  };
  const unmute = async () => {
    if (await tried(page, () => page.client.groups.muteAll(conversation, 0))) await later(refresh);
  };
  return card("Who may speak", el("div", { class: "button-row" }, muted ? button("Let everybody speak again", unmute) : button("Mute everybody…", muteAll)));
}

/** Reads again in a moment: the pages come from a projection. @param {() => Promise<void>} refresh */
export async function later(refresh) {
  await new Promise((done) => setTimeout(done, SETTLED_MS[0]));
  await refresh();
}

/** @param {Inside} inside */
function endCard({ page, conversation, group, may, refresh }) {
  if (group.role === null || group.dissolved) return null;
  const leave = async () => {
    const text = group.role === "owner" ? "You own it: hand it over first, or dissolve it." : "You can come back if you are let in again.";
    if (await confirm(`Leave ${group.title}?`, text, "Leave", () => page.client.groups.leave(conversation))) page.go("");
  };
  const dissolve = async () => {
    const text = "Nobody can write in it any more, and nobody can join. This cannot be taken back.";
    if (await confirm(`Dissolve ${group.title}?`, text, "Dissolve for good", () => steppedUp(page.client, () => page.client.groups.dissolve(conversation)))) await later(refresh);
  };
  return card("Leaving", hint(group.role === "owner" ? "The owner cannot just go: hand the group over first." : ""), el("div", { class: "button-row" }, button("Leave the group", leave, "plain danger"), may("dissolve") ? button("Dissolve the group…", dissolve, "plain danger") : null));
}
