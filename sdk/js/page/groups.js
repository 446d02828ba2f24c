// Groups from outside: invitations, public groups to be found, a new one, and a link that was followed.

import { WarblerError } from "/sdk/index.js";
import { ask } from "./ask.js";
import { tried } from "./contacts.js";
import { usersOf, namesIn } from "./dialogs.js";
import { avatar, el } from "./dom.js";
import { fullTimeOf } from "./format.js";
import { button, card, form, hint, link, region, row, rows, tag } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {import("./ui.js").Field} Field */

/** @type {import("./screens.js").Screen} */
export function groupsScreen(page) {
  const waiting = region(async (refresh) => invitationCards(page, refresh));
  page.listen(({ kind }) => {
    if (kind === "roster") void waiting.refresh();
  });
  const results = el("div", { "aria-live": "polite" });
  const find = form([{ name: "q", label: "Title", type: "search", hint: "Leave it empty to see some.", attributes: { maxlength: 64 } }], "Search", async (values) => {
    const { conversations } = await page.client.rest.groups.findPublic(String(values["q"]));
    results.replaceChildren(rows("Public groups", conversations.map((group) => publicRow(page, group)), "No public group is called so."));
  }, { inline: true });
  const make = el("div", { class: "button-row" }, link("#/groups/new", "New group", "primary as-button"));
  return [card("Start one", hint("A group for a few people, or a channel in which few write and many read."), make), waiting.box, card("Find public groups", find, results)];
}

/** With the title of a public group, where the list does not say it. @param {Page} page @param {import("/sdk/index.js").Invitation} each */
async function titled(page, each) {
  if (each.title !== "") return each;
  const group = await page.client.rest.groups.info(each.conversation).catch(() => null); // one that may not be seen stays without
  return { ...each, title: group?.title ?? "" };
}

/** @param {Page} page @param {() => Promise<void>} refresh */
async function invitationCards(page, refresh) {
  const found = await page.client.rest.friends.invitations();
  const all = (/** @type {typeof found.invitations} */ list) => Promise.all(list.map((each) => titled(page, each)));
  const [invitations, applications] = await Promise.all([all(found.invitations), all(found.applications)]);
  await page.names(invitations.map((each) => each.by));
  const answer = async (/** @type {string} */ conversation, /** @type {boolean} */ accept) => {
    const done = await tried(page, () => page.client.groups.answerInvitation(conversation, accept));
    if (done && accept) page.go(conversation);
    else await refresh();
  };
  const items = invitations.filter((each) => each.state === "invited").map(({ conversation, title, by, at_ms }) =>
    row(
      avatar(title, conversation),
      title || "A group",
      `${page.model().nameOf(by)} invited you, ${fullTimeOf(at_ms)}`,
      button("Decline", () => answer(conversation, false), "plain", { "aria-label": `Decline ${title}` }),
      button("Join", () => answer(conversation, true), "primary", { "aria-label": `Join ${title}` }),
    ),
  );
  const made = applications.filter((each) => each.state === "applied").map(({ conversation, title, at_ms }) => row(avatar(title, conversation), title || "A group", `applied ${fullTimeOf(at_ms)}`, tag("Waiting")));
  return [items.length > 0 ? card("Invitations", rows("Invitations", items)) : null, made.length > 0 ? card("You applied to", rows("Applications", made)) : null];
}

/** @param {Page} page @param {import("/sdk/index.js").PublicGroup} group */
function publicRow(page, { conversation, title, settings }) {
  const { joining, question, description } = settings;
  const words = joining === "open" ? "Join" : "Apply";
  const label = `${joining === "open" ? "Join" : "Apply to"} ${title}`;
  const action = page.model().directory.conversations.has(conversation)
    ? link(`#${conversation}`, "Open", "plain as-button")
    : joining === "invited"
      ? tag("By invitation")
      : button(words, () => apply(page, conversation, title, joining, question), "primary", { "aria-label": label });
  return row(avatar(title, conversation), title, description, action);
}

/** @param {Page} page @param {string} conversation @param {string} title @param {string} joining @param {string} question */
async function apply(page, conversation, title, joining, question) {
  if (joining === "open") {
    if (await tried(page, () => page.client.groups.apply(conversation))) page.go(conversation);
    return;
  }
  const done = await ask({
    title: `Apply to ${title}`,
    fields: [{ name: "text", label: question || "Why do you want to join?", rows: 3, required: question !== "", attributes: { maxlength: 500 } }],
    submit: "Apply",
    act: (values) => page.client.groups.apply(conversation, String(values["text"])),
  });
  if (done) page.toast("You applied. The group's managers will answer.");
}

/** @type {[string, string][]} */
export const JOINING = [
  ["invited", "Only who is invited"],
  ["apply", "Who applies and is accepted"],
  ["open", "Everybody"],
];

/** The fields of a group's settings. @param {Partial<import("/sdk/index.js").FrameSettings>} now @returns {Field[]} */
export const settingFields = (now) => [
  { name: "description", label: "What is it about?", rows: 2, value: now.description ?? "", attributes: { maxlength: 1_000 } },
  { name: "visibility", label: "Who finds it", value: now.visibility ?? "private", options: [["private", "Members only"], ["public", "Everybody who searches"]] },
  { name: "joining", label: "Who may join", value: now.joining ?? "invited", options: JOINING },
  { name: "question", label: "Question to who applies", value: now.question ?? "", attributes: { maxlength: 300 } },
  { name: "history", label: "Newcomers read", value: now.history ?? "all", options: [["all", "Everything that was written before"], ["joined", "Only what comes after they joined"]] },
];

/** @param {import("./ui.js").Values} values as `settingFields` names them */
export const asSettings = (values) => /** @type {import("/sdk/index.js").FrameSettings} */ (/** @type {unknown} */ (values));

/** @type {import("./screens.js").Screen} */
export function newGroupScreen(page) {
  const inner = form(
    [
      { name: "title", label: "Title", required: true, attributes: { maxlength: 120 } },
      { name: "kind", label: "Kind", options: [["group", "Group: everybody may write"], ["channel", "Channel: few write, many read"]] },
      { name: "names", label: "Members", hint: "Names, separated by commas. You can add more later.", attributes: { autocapitalize: "none" } },
      ...settingFields({}),
    ],
    "Create",
    async ({ title, kind, names, ...settings }) => {
      const users = await usersOf(page.client, namesIn(String(names)).filter((name) => name !== page.client.signedIn?.name));
      const members = users.map((user) => ({ user, role: "member" }));
      const conversation_kind = kind === "channel" ? "channel" : "group";
      const made = await page.client.command({ type: "create_conversation", conversation: "", conversation_kind, title: String(title), members, settings: asSettings(settings) });
      page.go(made.conversation);
    },
  );
  return [card("New group", inner)];
}

/** A link to join: its secret stays in the address after the hash, which no server sees. @type {import("./screens.js").Screen} */
export function joinScreen(page, [conversation = "", link_id = "", secret = ""]) {
  const join = region(async () => {
    if (page.model().directory.conversations.has(conversation)) return [card("Join a group", hint("You are a member already."), link(`#${conversation}`, "Open it", "primary as-button"))];
    const inner = form(
      [{ name: "text", label: "A word to the managers", hint: "Only read where they look at who comes.", attributes: { maxlength: 300 } }],
      "Join",
      async (values) => {
        await page.client.groups.joinByLink({ conversation, link_id, secret }, String(values["text"]));
        if (await isMember(page, conversation)) page.go(conversation);
        else throw new WarblerError("applied", "You applied: a manager will let you in. You can leave this page.");
      },
    );
    return [card("Join a group", hint("Somebody gave you a link to a group."), inner)];
  });
  return [join.box];
}

const JOINED_MS = 2_000;

/** Whether the answer to the link was membership: it is told by the event, or by the edge. @param {Page} page @param {string} conversation */
async function isMember(page, conversation) {
  const until_ms = Date.now() + JOINED_MS;
  while (Date.now() < until_ms) {
    if (page.model().directory.conversations.has(conversation)) return true;
    await new Promise((done) => setTimeout(done, 100));
  }
  return false;
}
