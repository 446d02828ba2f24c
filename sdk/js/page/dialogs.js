// The two dialogs: a new conversation, and the members of one.

import { RestError, WarblerError } from "/sdk/index.js";
import { byId, dialog, el, input, present } from "./dom.js";

/** @typedef {import("/sdk/index.js").Client} Client */

for (const button of document.querySelectorAll("[data-close]"))
  button.addEventListener("click", () => button.closest("dialog")?.close());

/** @param {unknown} error @param {string} place the id of the element that says it */
function say(error, place) {
  if (!(error instanceof WarblerError)) throw error;
  byId(place).textContent = error.detail;
}

/** The user of each name. Raises: WarblerError that names the one who is unknown. @param {Client} client @param {readonly string[]} names */
async function usersOf(client, names) {
  return Promise.all(
    names.map(async (name) => {
      try {
        return (await client.rest.userByName(name)).user;
      } catch (error) {
        if (error instanceof RestError && error.status === 404) throw new WarblerError("unknown_user", `Nobody here is called “${name}”.`);
        throw error;
      }
    }),
  );
}

/** @param {string} text */
const namesIn = (text) => [...new Set(text.split(/[\s,;]+/).filter((name) => name !== ""))];

/**
 * @param {Client} client
 * @param {(conversation: string) => void} open
 */
export function startNewDialog(client, open) {
  const box = dialog("new-dialog");
  const submit = /** @type {HTMLButtonElement} */ (byId("new-submit"));
  byId("new-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const title = input("new-group-title").value.trim();
    const names = namesIn(input("new-names").value).filter((name) => name !== client.signedIn?.name);
    byId("new-error").textContent = names.length === 0 && title === "" ? "Whose name? Somebody else’s, if you please." : "";
    if (byId("new-error").textContent !== "") return;
    submit.disabled = true;
    try {
      const users = await usersOf(client, names);
      const direct = users.length === 1 && title === "";
      const conversation = direct ? await client.direct(/** @type {string} */ (users[0])) : await client.createGroup(title || names.join(", "), users);
      box.close();
      open(conversation);
    } catch (error) {
      say(error, "new-error");
    } finally {
      submit.disabled = false;
    }
  });
  return () => {
    /** @type {HTMLFormElement} */ (byId("new-form")).reset();
    byId("new-error").textContent = "";
    box.showModal();
    input("new-names").focus();
  };
}

/**
 * @param {Client} client
 * @param {() => {model: import("./model.js").Model, listed: import("/sdk/index.js").Listed} | null} current
 */
export function startDetailsDialog(client, current) {
  const box = dialog("details-dialog");
  const attempt = async (/** @type {() => Promise<unknown>} */ work) => {
    byId("details-error").textContent = "";
    try {
      await work();
      await fill(client, current);
    } catch (error) {
      say(error, "details-error");
    }
  };
  const here = () => current()?.listed.conversation ?? "";
  byId("details-form").addEventListener("submit", (event) => event.preventDefault());
  const rename = () => attempt(() => client.command({ type: "rename_conversation", conversation: here(), title: input("details-name").value.trim() }));
  const add = () =>
    attempt(async () => {
      const conversation = here();
      for (const member of await usersOf(client, namesIn(input("details-add").value))) await client.command({ type: "add_member", conversation, member });
      input("details-add").value = "";
    });
  byId("details-rename").addEventListener("click", rename);
  byId("details-add-button").addEventListener("click", add);
  input("details-name").addEventListener("keydown", (event) => event.key === "Enter" && rename());
  input("details-add").addEventListener("keydown", (event) => event.key === "Enter" && add());
  byId("details-leave").addEventListener("click", () =>
    attempt(async () => {
      await client.command({ type: "leave_conversation", conversation: here() });
      box.close();
    }),
  );
  return async () => {
    byId("details-error").textContent = "";
    byId("details-members").replaceChildren();
    box.showModal();
    await attempt(async () => {});
  };
}

/** @param {Client} client @param {Parameters<typeof startDetailsDialog>[1]} current */
async function fill(client, current) {
  const found = current();
  if (found === null) return;
  const { model, listed } = found;
  const members = await client.rest.members(listed.conversation);
  model.setMembers(listed.conversation, members);
  const unknown = members.map((member) => member.user).filter((user) => !model.names.has(user));
  for (const { user, name } of unknown.length > 0 ? await client.rest.users(unknown) : []) model.names.set(user, name);
  const rows = members.map(({ user, role }) => {
    const name = model.nameOf(user);
    const you = user === model.user ? " (you)" : "";
    const here = el("span", { class: "hint", text: user === model.user ? "" : model.presenceText(user, Date.now()) });
    const who = el("span", { class: "member" }, el("span", { text: name + you }), here);
    return el("li", {}, present(name, user, model.stateOf(user), "small"), who, el("span", { class: "role", text: role === "member" ? "" : role }));
  });
  byId("details-members").replaceChildren(...rows);
  const direct = listed.conversation_kind === "direct";
  byId("details-manage").hidden = direct || listed.role === "member";
  byId("details-leave").hidden = direct || listed.role === "owner";
  input("details-name").value = model.directory.conversations.get(listed.conversation)?.title ?? "";
}
