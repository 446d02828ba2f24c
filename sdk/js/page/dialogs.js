// The dialog that starts a conversation, and who is meant by a name.

import { RestError, WarblerError } from "/sdk/index.js";
import { byId, dialog, input } from "./dom.js";

/** @typedef {import("/sdk/index.js").Client} Client */

for (const button of document.querySelectorAll("[data-close]"))
  button.addEventListener("click", () => button.closest("dialog")?.close());

/** @param {unknown} error @param {string} place the id of the element that says it */
function say(error, place) {
  if (!(error instanceof WarblerError)) throw error;
  byId(place).textContent = error.detail;
}

/** The user of each name. Raises: WarblerError that names the one who is unknown. @param {Client} client @param {readonly string[]} names */
export async function usersOf(client, names) {
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
export const namesIn = (text) => [...new Set(text.split(/[\s,;]+/).filter((name) => name !== ""))];

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
  const start = () => {
    /** @type {HTMLFormElement} */ (byId("new-form")).reset();
    byId("new-error").textContent = "";
    box.showModal();
    input("new-names").focus();
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    const elsewhere = byId("chat").hidden || !byId("call").hidden || document.querySelector("dialog[open]") !== null;
    if (event.key !== "n" || typing || event.metaKey || event.ctrlKey || elsewhere) return;
    event.preventDefault();
    start();
  });
  return start;
}
