// Who is here: tells whether the user is away from this window, and keeps the page's question about others up to date.

import { WarblerError } from "/sdk/index.js";

const HIDDEN_MS = 10_000; // a glance at another window is not yet away
const IDLE_MS = 5 * 60_000;
const QUESTION_MS = 300; // a directory comes in pages: one question for all of them
const ACTIVITY = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

/**
 * @param {import("/sdk/index.js").Client} client
 * @param {() => {users: string[], conversations: string[]}} watched
 * @returns {{ask: () => void, setStatus: (status: string) => void, reset: () => void}} `ask`: whose presence is shown may have changed
 */
export function startPresence(client, watched) {
  let away = false;
  let timer = 0;
  let asking = 0;
  let asked = "";

  const tell = (/** @type {boolean} */ now_away) => {
    if (away === now_away) return;
    away = now_away;
    client.setPresence(away);
  };
  const look = () => {
    clearTimeout(timer);
    const hidden = document.visibilityState === "hidden";
    if (!hidden) tell(false);
    timer = setTimeout(() => tell(true), hidden ? HIDDEN_MS : IDLE_MS);
  };
  document.addEventListener("visibilitychange", look);
  for (const kind of ACTIVITY) addEventListener(kind, look, { passive: true });
  look();

  const ask = async () => {
    asking = 0;
    const { users, conversations } = watched();
    const question = JSON.stringify([users, conversations]);
    if (question === asked) return;
    asked = question;
    try {
      await client.watchPresence(users, conversations);
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error;
      // a group of more than can be watched: then the peers alone
      if (error.code === "too_many" && asked === question) await client.watchPresence(users).catch(() => undefined);
    }
  };
  return {
    ask: () => {
      asking ||= setTimeout(ask, QUESTION_MS);
    },
    setStatus: (status) => client.setPresence(away, status),
    reset: () => {
      asked = "";
      away = false;
      look();
    },
  };
}
