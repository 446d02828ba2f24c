// Where the sign-in stands: with the window, so that two windows can be two people; or, once notifications are on, with the browser, so that
// a click on one finds its user signed in when every window is closed. One window at a time has the browser's, held by a Web Lock: two would
// use up each other's refresh tokens.

const LOCK = "warbler.kept";
const OURS = "warbler.";
const SIGN_IN = "warbler.signin";
const LOCK_WAIT_MS = 1_000; // a window that is reloaded lets go of it a moment late

/** @typedef {Awaited<ReturnType<typeof openStore>>} Store */

/** This window's store. Blocks: a second at most. */
export async function openStore() {
  let place = sessionStorage;
  let letGo = () => {};
  const hold = async () => {
    const release = await takeLock();
    if (release !== null) letGo = release;
    return release !== null;
  };
  if (sessionStorage.getItem(SIGN_IN) === null && localStorage.getItem(SIGN_IN) !== null && (await hold())) place = localStorage;
  return {
    getItem: (/** @type {string} */ key) => place.getItem(key),
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => place.setItem(key, value),
    removeItem: (/** @type {string} */ key) => place.removeItem(key),
    /** With the browser from now on, unless another window's sign-in stands there. */
    keep: async () => {
      if (place === localStorage || !(await hold())) return;
      move(sessionStorage, localStorage);
      place = localStorage;
    },
    /** With the window only. */
    release: () => {
      if (place === sessionStorage) return;
      move(localStorage, sessionStorage);
      place = sessionStorage;
      letGo();
    },
  };
}

/** What lets go of it; null where another window has it. @returns {Promise<(() => void) | null>} */
function takeLock() {
  if (!("locks" in navigator)) return Promise.resolve(null); // not a secure context: no notifications there either
  return new Promise((resolve) => {
    const held = (/** @type {Lock | null} */ _lock) => new Promise((/** @type {(done: void) => void} */ done) => resolve(() => done()));
    navigator.locks.request(LOCK, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, held).catch(() => resolve(null));
  });
}

/** @param {Storage} from @param {Storage} to */
function move(from, to) {
  const keys = Object.keys(from).filter((key) => key.startsWith(OURS));
  for (const key of Object.keys(to)) if (key.startsWith(OURS)) to.removeItem(key);
  for (const key of keys) {
    to.setItem(key, from.getItem(key) ?? "");
    from.removeItem(key);
  }
}
