// Who is in the open conversation, and how far each of them got.

import { WarblerError } from "/sdk/index.js";

/**
 * @param {import("/sdk/index.js").Client} client
 * @param {() => import("./model.js").Model} modelOf
 * @param {() => void} redraw
 */
export function startMarks(client, modelOf, redraw) {
  /** The message of each large group that is counted. @type {Map<string, number>} */
  const watched = new Map();

  /** @param {string} conversation */
  const loadMembers = async (conversation) => {
    try {
      modelOf().setMembers(conversation, await client.rest.members(conversation));
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error; // marks and the count stay unknown for now
    }
    redraw();
  };

  /** In a large group the newest own message is counted. @param {string} conversation */
  const watchNewest = (conversation) => {
    const seq = modelOf().lastOwn(conversation)?.seq ?? 0;
    if (seq > 0 && seq !== watched.get(conversation)) client.watchReceipts(conversation, seq);
    watched.set(conversation, seq);
  };

  /** How far the others are: it is told as it changes, but not how it stood before. @param {string} conversation */
  const loadReceipts = async (conversation) => {
    const model = modelOf();
    if (!model.directory.conversations.has(conversation) || model.of(conversation).members.size === 0) return;
    if (model.isLarge(conversation)) return watchNewest(conversation);
    const wanted = ["delivered", "read"].map(async (name) => {
      const state = /** @type {"delivered" | "read"} */ (name);
      for await (const { entries } of client.receipts(conversation, 1, { state }))
        for (const { user, up_to_seq } of entries) if (user !== model.user) model.receipt({ type: "receipt", conversation, user, state, up_to_seq });
    });
    try {
      await Promise.all(wanted);
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error; // ticks stay at what is known
    }
    redraw();
  };
  return { loadMembers, loadReceipts, watchNewest, reset: () => watched.clear() };
}
