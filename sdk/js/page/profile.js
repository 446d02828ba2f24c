// The user's own dialog: a status line, and what others may see.

import { WarblerError } from "/sdk/index.js";
import { byId, dialog, input } from "./dom.js";

/** @typedef {import("/sdk/index.js").Privacy} Privacy */

/**
 * @param {import("/sdk/index.js").Client} client
 * @param {{status: () => string, setStatus: (status: string) => void}} own
 */
export function startProfileDialog(client, own) {
  const box = dialog("profile-dialog");
  const receipts = input("profile-receipts");
  const presence = /** @type {HTMLSelectElement} */ (byId("profile-presence"));
  /** @type {Privacy | null} */
  let known = null;
  const say = (/** @type {unknown} */ error) => {
    if (!(error instanceof WarblerError)) throw error;
    byId("profile-error").textContent = error.detail;
  };
  byId("profile-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const status = input("profile-status").value.trim();
    if (status !== own.status()) own.setStatus(status);
    const visible = /** @type {Privacy["presence"]} */ (presence.value);
    try {
      if (known !== null) await client.rest.setPrivacy({ ...known, receipts: receipts.checked, presence: visible });
      box.close();
    } catch (error) {
      say(error);
    }
  });
  return async () => {
    byId("profile-name").textContent = client.signedIn?.name ?? "";
    byId("profile-error").textContent = "";
    input("profile-status").value = own.status();
    known = null;
    receipts.disabled = presence.disabled = true; // until it is known how they stand
    box.showModal();
    try {
      known = await client.rest.privacy();
      receipts.checked = known.receipts;
      presence.value = known.presence;
      receipts.disabled = presence.disabled = false;
    } catch (error) {
      say(error);
    }
  };
}
