// Contacts: friends, requests in and out, people to be found, who is blocked; and the page of one of them.

import { WarblerError } from "/sdk/index.js";
import { fieldWords, pictureOf } from "./account.js";
import { ask, confirm } from "./ask.js";
import { el, present } from "./dom.js";
import { modeCard } from "./push_modes.js";
import { tabs } from "./screens.js";
import { button, card, control, form, hint, link, region, row, rows, tag, wordsOf } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {import("/sdk/index.js").RosterEntry} RosterEntry */

/** @type {import("./screens.js").Screen} */
export function contactsScreen(page, [tab = ""]) {
  const here = tab === "" ? "/contacts" : `/contacts/${tab}`;
  const make = { requests: requests, find: find, blocked: blocked }[tab] ?? friends;
  const nav = region(async () => [contactTabs(page, here)]);
  const list = region(async (refresh) => {
    await page.names(page.contacts.all.map((entry) => entry.user));
    return make(page, refresh);
  });
  page.listen(({ kind }) => {
    if (kind !== "roster") return;
    void nav.refresh();
    if (tab !== "find") void list.refresh();
  });
  return [nav.box, list.box];
}

/** @param {Page} page @param {string} here */
function contactTabs(page, here) {
  const waiting = page.contacts.asked.length;
  return tabs(
    "Contacts",
    [
      ["/contacts", "Friends"],
      ["/contacts/requests", waiting > 0 ? `Requests (${waiting})` : "Requests"],
      ["/contacts/find", "Find people"],
      ["/contacts/blocked", "Blocked"],
    ],
    here,
  );
}

/** @param {Page} page @param {string} user @param {string} below @param {(Node | null)[]} actions */
function personRow(page, user, below, ...actions) {
  const model = page.model();
  const name = model.nameOf(user);
  const known = page.contacts.of(user);
  const item = row(present(name, user, model.stateOf(user)), name, below, ...actions);
  const title = item.querySelector("strong");
  title?.replaceWith(link(`#/contact/${encodeURIComponent(user)}`, name, "row-link"));
  for (const each of known.tags) item.querySelector(".row-text")?.append(tag(each));
  return item;
}

/** @param {Page} page @returns {Node[]} */
function friends(page) {
  const all = page.contacts.in("friends").filter((entry) => !entry.blocked);
  const name = (/** @type {RosterEntry} */ entry) => page.model().nameOf(entry.user);
  const sorted = all.sort((a, b) => name(a).localeCompare(name(b)));
  const list = el("div");
  const show = (/** @type {string} */ wanted) => {
    const fits = (/** @type {RosterEntry} */ entry) => [name(entry), ...entry.tags].some((word) => word.toLowerCase().includes(wanted.toLowerCase()));
    const items = sorted.filter(fits).map((entry) => friendRow(page, entry));
    list.replaceChildren(rows("Friends", items, all.length === 0 ? "No friends yet. Find people, and ask them." : "None of this name or tag."));
  };
  show("");
  const filter = control({ name: "filter", label: "Filter by name or tag", type: "search" });
  filter.control.addEventListener("input", () => show(String(filter.read())));
  return [card(all.length === 0 ? "Friends" : `Friends (${all.length})`, all.length > 8 ? filter.box : null, list)];
}

/** @param {Page} page @param {RosterEntry} entry */
function friendRow(page, { user }) {
  const name = page.model().nameOf(user);
  const here = page.model().presenceText(user, Date.now());
  return personRow(page, user, here, button("Message", () => page.openDirect(user), "plain", { "aria-label": `Message ${name}` }));
}

/** @param {Page} page @param {() => Promise<void>} refresh @returns {Node[]} */
function requests(page, refresh) {
  const { contacts } = page;
  const incoming = contacts.asked.map((entry) => {
    const name = page.model().nameOf(entry.user);
    const accept = button("Accept", () => answer(page, entry.user, true, refresh), "primary", { "aria-label": `Accept ${name}` });
    const decline = button("Decline", () => answer(page, entry.user, false, refresh), "plain", { "aria-label": `Decline ${name}` });
    return personRow(page, entry.user, entry.text === "" ? "wants to be your friend" : `“${entry.text}”`, decline, accept);
  });
  const outgoing = contacts.in("requested").map((entry) => personRow(page, entry.user, entry.text === "" ? "has not answered yet" : `You wrote: “${entry.text}”`, tag("Waiting")));
  return [card("Wants to be your friend", rows("Requests to you", incoming, "Nobody waits for an answer.")), card("You asked", rows("Your requests", outgoing, "You wait for nobody."))];
}

/** @param {Page} page @param {string} user @param {boolean} accept @param {() => Promise<void>} refresh */
async function answer(page, user, accept, refresh) {
  await tried(page, () => (accept ? page.client.friends.accept(user) : page.client.friends.decline(user)));
  await refresh();
}

/** @param {Page} page @returns {Node[]} */
function blocked(page) {
  const all = page.contacts.all.filter((entry) => entry.blocked);
  const items = all.map((entry) => {
    const name = page.model().nameOf(entry.user);
    return personRow(page, entry.user, "", button("Unblock", () => setBlocked(page, entry.user, false), "plain", { "aria-label": `Unblock ${name}` }));
  });
  return [card("Blocked", hint("They cannot write to you or call you, and do not see whether you are here."), rows("Blocked people", items, "You have blocked nobody."))];
}

/** @param {Page} page @returns {Node[]} */
function find(page) {
  const results = el("div", { "aria-live": "polite" });
  const look = form(
    [{ name: "q", label: "Name", type: "search", required: true, hint: "The beginning of a name, or the whole of it.", attributes: { maxlength: 64, autocapitalize: "none" } }],
    "Search",
    async (values) => {
      const people = (await page.client.rest.people.search(String(values["q"]))).users.filter((person) => person.user !== page.model().user);
      for (const person of people) page.model().names.set(person.user, person.name);
      results.replaceChildren(rows("People found", people.map((person) => foundRow(page, person)), "Nobody was found who wants to be."));
    },
    { inline: true },
  );
  return [card("Find people", look, results)];
}

/** @param {Page} page @param {import("/sdk/index.js").Person} person */
function foundRow(page, { user, name, display_name }) {
  const { relation } = page.contacts.of(user);
  const label = display_name !== "" && display_name !== name ? display_name : "";
  const action = relation === "friends" ? tag("Friend", "good") : relation === "requested" ? tag("Asked") : button("Ask to be friends", () => request(page, user), "primary", { "aria-label": `Ask ${name} to be friends` });
  return personRow(page, user, label, button("Message", () => page.openDirect(user), "plain", { "aria-label": `Message ${name}` }), action);
}

/** Asks for friendship: with the other's question, if there is one. @param {Page} page @param {string} user */
export async function request(page, user) {
  const name = page.model().nameOf(user);
  /** @type {{question: string | null, requests: string}} */
  let how = { question: null, requests: "everyone" };
  const known = await tried(page, async () => (how = await page.client.rest.friends.question(user)));
  if (!known) return;
  if (how.requests === "nobody") return page.toast(`${name} takes no requests.`);
  const asked = how.requests === "question" && how.question !== null && how.question !== "";
  const field = { name: "text", label: asked ? String(how.question) : "A greeting", rows: 2, required: asked, hint: asked ? `${name} asks this of everybody.` : "Optional.", attributes: { maxlength: 300 } };
  const done = await ask({
    title: `Ask ${name} to be friends`,
    fields: [field],
    submit: "Ask",
    act: (values) => page.client.friends.request(user, String(values["text"])),
  });
  if (!done) return;
  page.toast(`${name} was asked.`);
}

/** @param {Page} page @param {string} user @param {boolean} blocked */
async function setBlocked(page, user, blocked) {
  const name = page.model().nameOf(user);
  const work = () => (blocked ? page.client.friends.block(user) : page.client.friends.unblock(user));
  const text = "No message, call or request of theirs reaches you any more. They are not told.";
  return blocked ? confirm(`Block ${name}?`, text, "Block", work) : tried(page, work);
}

/** Whether the work was done; if not, a toast says why. @param {Page} page @param {() => Promise<unknown>} work */
export async function tried(page, work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof WarblerError)) throw error;
    if (error.code !== "cancelled") page.toast(wordsOf(error));
    return false;
  }
}

/** @type {import("./screens.js").Screen} */
export function contactScreen(page, [user = ""]) {
  const card_region = region(async (refresh) => {
    const person = await page.client.rest.people.person(user);
    page.model().names.set(user, person.name);
    page.title(page.model().nameOf(user));
    const direct = [...page.model().directory.conversations.values()].find((listed) => listed.peer === user);
    const own = user === page.model().user;
    return [personCard(page, person, refresh), own ? null : notesCard(page, user), direct === undefined ? null : modeCard(page, direct.conversation)];
  });
  page.listen(({ kind }) => {
    if (kind === "roster") void card_region.refresh();
  });
  return [card_region.box];
}

/** @param {Page} page @param {import("/sdk/index.js").Person} person @param {() => Promise<void>} refresh */
function personCard(page, person, refresh) {
  const { user, name, display_name, about, avatar } = person;
  const fields = Object.entries(person.fields ?? {}).flatMap(([key, value]) => [el("dt", { text: fieldWords(key) }), el("dd", { text: value })]);
  const here = page.model().presenceText(user, Date.now());
  const title = el("div", {}, el("strong", { class: "person-name", text: display_name || name }), el("p", { class: "hint", text: [display_name ? name : "", here].filter((word) => word !== "").join(" · ") }));
  const buttons = user === page.model().user ? [link("#/account", "Change your profile", "plain as-button")] : relationButtons(page, user, refresh);
  return card(
    "",
    el("div", { class: "profile-head" }, pictureOf(user, display_name || name, avatar), title),
    about ? el("p", { class: "about", text: about }) : null,
    fields.length > 0 ? el("dl", { class: "fields" }, ...fields) : null,
    el("div", { class: "button-row" }, ...buttons),
  );
}

/** @param {Page} page @param {string} user @param {() => Promise<void>} refresh */
function relationButtons(page, user, refresh) {
  const { relation, blocked } = page.contacts.of(user);
  const name = page.model().nameOf(user);
  const again = (/** @type {Promise<unknown>} */ work) => work.then(refresh);
  const remove = () => confirm(`Remove ${name} from your friends?`, "What you wrote to each other stays.", "Remove", () => page.client.friends.remove(user));
  const all = [button("Message", () => page.openDirect(user), "primary")];
  if (relation === "friends") all.push(button("Remove from friends", () => again(remove())));
  if (relation === "none" && !blocked) all.push(button("Ask to be friends", () => again(request(page, user))));
  if (relation === "asked") all.push(button("Accept", () => answer(page, user, true, refresh), "primary"), button("Decline", () => answer(page, user, false, refresh)));
  all.push(button(blocked ? "Unblock" : "Block", () => again(setBlocked(page, user, !blocked)), "plain danger"));
  if (relation === "requested") all.splice(1, 0, /** @type {any} */ (tag("Waits for an answer")));
  return all;
}

/** @param {Page} page @param {string} user */
function notesCard(page, user) {
  const { alias, tags: own } = page.contacts.of(user);
  const inner = form(
    [
      { name: "alias", label: "Your name for them", value: alias, attributes: { maxlength: 64 } },
      { name: "tags", label: "Tags", value: own.join(", "), hint: "Separated by commas. Only you see this.", attributes: { maxlength: 300 } },
    ],
    "Save",
    async (values) => {
      const words = [...new Set(String(values["tags"]).split(",").map((word) => word.trim()).filter((word) => word !== ""))];
      await page.client.rest.friends.note(user, String(values["alias"]), words);
      page.toast("Saved.");
    },
  );
  return card("For you", inner);
}
