// The names of users: asked for when something that is shown lacks one.

import { WarblerError } from "/sdk/index.js";

const AGAIN_MS = 3_000;

/** Users whose names are being asked for. @type {Set<string>} */
const asking = new Set();

/**
 * The names that the last drawing lacked, by one request.
 *
 * @param {import("/sdk/index.js").Client} client
 * @param {import("./model.js").Model} model
 * @param {() => void} redraw
 */
export async function askNames(client, { names, unnamed }, redraw) {
  const users = [...unnamed].filter((user) => !asking.has(user));
  unnamed.clear();
  if (users.length === 0) return;
  for (const user of users) asking.add(user);
  let wait_ms = 0;
  try {
    for (const { user, name } of await client.rest.users(users)) names.set(user, name);
  } catch (error) {
    if (!(error instanceof WarblerError)) throw error;
    wait_ms = AGAIN_MS;
  }
  setTimeout(() => {
    // one that the edge does not know is asked for only once
    for (const user of users) if (wait_ms > 0 || names.has(user)) asking.delete(user);
    redraw();
  }, wait_ms);
}
