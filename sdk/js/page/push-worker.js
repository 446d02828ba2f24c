// The service worker: it runs while no window is open. It gets pushes, shows them, and takes a click to its conversation. An example for app
// developers: docs/push.md. Served at /push-worker.js, so that its scope is the whole page.
//
// Rules of this file:
// 1. What was shown is never shown again: a key is remembered once its notification stands.
// 2. Where nobody is signed in, nothing is shown: what is said to one user is not for the next.
// 3. Memory is lost whenever the browser likes. What has to last is in a cache, one change at a time.

/**
 * What a push carries, as `streams/push/channels/subscription.py` writes it down.
 *
 * @typedef {{kind: "alert" | "silent" | "ring" | "withdraw", key: string, tag: string, title: string, body: string, badge: number | null,
 *   at_ms: number, ticket: string, data: Record<string, string>}} Push `key`: of this send, in every try of it; `tag`: what takes whose place
 * @typedef {{user: string, access_token: string, application_server_key: string}} Owner
 * @typedef {{key: string, at_ms: number, outcome: string}} Taken what became of a push: "shown", "withdrawn", "older", "badge", or why not
 * @typedef {{owner: Owner | null, taken: Taken[]}} Kept
 * @typedef {{conversation: string, seq: number, at_ms: number}} ShownData of a notification
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const CACHE = "warbler-push";
const KEPT = "/push-worker/kept"; // a name in the cache; no such address is served
const TAKEN_LIMIT = 200;
const ANSWER_MS = 400; // Firefox opens a window only within a second after the click
const CALL_MS = 10_000;

// ---- what lasts

let turn = Promise.resolve();

/** One after another: two pushes at once must not both find a key unknown. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
function inTurn(work) {
  const done = turn.then(work);
  turn = done.then(
    () => undefined,
    () => undefined,
  );
  return done;
}

/** @returns {Promise<Kept>} */
async function kept() {
  const found = await (await caches.open(CACHE)).match(KEPT);
  return found === undefined ? { owner: null, taken: [] } : found.json();
}

/** @param {Kept} now */
const keep = async (now) => (await caches.open(CACHE)).put(KEPT, new Response(JSON.stringify(now)));

// ---- a push

/** What is to be done about it. Pure. @param {Push} push @param {Kept} before @param {readonly ShownData[]} standing what stands under its tag @returns {"show" | "close" | "badge" | "older" | "repeated" | "nobody"} */
function decide(push, before, standing) {
  if (before.owner === null) return "nobody";
  if (before.taken.some(({ key }) => key === push.key)) return "repeated";
  if (push.kind === "silent") return "badge";
  const { seq, at_ms } = dataOf(push);
  const newer = standing.some((each) => (each.seq > 0 && seq > 0 ? each.seq > seq : each.at_ms > at_ms));
  if (push.kind === "withdraw") return newer ? "older" : "close";
  return newer ? "older" : "show";
}

/** @param {Push} push @returns {ShownData} */
const dataOf = ({ data, at_ms }) => ({ conversation: data["conversation"] ?? "", seq: Number(data["seq"] ?? 0), at_ms });

/** @param {Push} push @returns {NotificationOptions} */
function optionsOf(push) {
  // renotify: a later message of the same conversation takes the place of the first, and is heard again
  const more = { renotify: true, timestamp: push.at_ms };
  return { body: push.body, tag: push.tag, data: dataOf(push), icon: "/page/warbler.svg", requireInteraction: push.kind === "ring", ...more };
}

/** @param {PushMessageData | null} received */
async function onPush(received) {
  const push = readPush(received);
  if (push === null) return; // nobody but our own server can have encrypted it: it is of a version that this worker does not know
  if (await inTurn(() => take(push))) await acknowledge(push.ticket);
}

/** Whether it was for somebody here. @param {Push} push */
async function take(push) {
  const before = await kept();
  const standing = await worker.registration.getNotifications({ tag: push.tag });
  const todo = decide(push, before, standing.map(({ data }) => data));
  if (todo === "nobody") return false;
  if (todo === "repeated") return true; // the acknowledgement may have been lost
  const outcome = await perform(todo, push, standing);
  await keep({ ...before, taken: [...before.taken, { key: push.key, at_ms: Date.now(), outcome }].slice(-TAKEN_LIMIT) });
  return true;
}

/** @param {PushMessageData | null} received @returns {Push | null} */
function readPush(received) {
  try {
    const push = received?.json();
    const told = typeof push?.key === "string" && typeof push.tag === "string" && typeof push.kind === "string";
    return told ? { badge: null, at_ms: 0, ticket: "", title: "", body: "", ...push, data: push.data ?? {} } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** What came of it, in a word. @param {"show" | "close" | "badge" | "older"} todo @param {Push} push @param {readonly Notification[]} standing */
async function perform(todo, push, standing) {
  await showBadge(push.badge);
  if (todo === "older" || todo === "badge") return todo;
  if (todo === "close") {
    for (const each of standing) each.close();
    return "withdrawn";
  }
  try {
    await worker.registration.showNotification(push.title, optionsOf(push));
    return "shown";
  } catch (error) {
    return String(error).slice(0, 100); // the permission was taken back, or the desktop shows none
  }
}

/** The number on the app's icon, where there is one. @param {number | null} count */
async function showBadge(count) {
  if (count === null || !("setAppBadge" in navigator)) return;
  await (count > 0 ? navigator.setAppBadge(count) : navigator.clearAppBadge()).catch(() => undefined); // not installed
}

/** Tells the server that the push arrived. The ticket stands for a token: it says only this. @param {string} ticket */
async function acknowledge(ticket) {
  if (ticket !== "") await call("POST", "/v1/push/received", { ticket }, null);
}

/** Whether it was taken. @param {string} method @param {string} path @param {unknown} body @param {string | null} access_token */
async function call(method, path, body, access_token) {
  const headers = { "Content-Type": "application/json", ...(access_token === null ? {} : { Authorization: `Bearer ${access_token}` }) };
  try {
    const answer = await fetch(path, { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(CALL_MS) });
    return answer.ok;
  } catch {
    return false; // no network: the server goes by what it knows
  }
}

// ---- a click

/** @param {ShownData} data */
async function open({ conversation }) {
  const { owner } = await kept();
  const window = await windowThatTakes({ type: "open", user: owner?.user ?? "", conversation });
  if (window === null) await worker.clients.openWindow(`/#${conversation}`);
  else await window.focus().catch(() => undefined); // it was not by a click
}

/** The window that did as it was told: one of the user's own. Several people may have windows here. @param {object} order @returns {Promise<WindowClient | null>} */
async function windowThatTakes(order) {
  const windows = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const answers = windows.map((window) => {
    const { port1, port2 } = new MessageChannel();
    /** @type {Promise<WindowClient>} */
    const taken = new Promise((resolve) => (port1.onmessage = ({ data }) => data === true && resolve(window)));
    window.postMessage(order, [port2]);
    return taken;
  });
  /** @type {Promise<null>} */
  const late = new Promise((resolve) => setTimeout(() => resolve(null), windows.length === 0 ? 0 : ANSWER_MS));
  return Promise.race([...answers, late]);
}

// ---- the browser changed the subscription

/** @param {PushSubscription | null} old @param {PushSubscription | null} fresh */
async function subscribeAnew(old, fresh) {
  const { owner } = await kept();
  if (owner === null) return;
  const key = old?.options.applicationServerKey ?? owner.application_server_key;
  const subscription = fresh ?? (await worker.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  if ((await windowThatTakes({ type: "register", user: owner.user })) !== null) return;
  // without a window there is the last access token; if it is over, the page registers when it is opened
  await call("PUT", "/v1/me/push/tokens/webpush", { token: JSON.stringify(subscription) }, owner.access_token);
}

// ---- what the page tells

/** Who gets pushes here from now on. @param {Owner | null} owner */
async function setOwner(owner) {
  const before = await kept();
  const same = before.owner?.user === owner?.user;
  if (!same) for (const each of await worker.registration.getNotifications()) each.close();
  await keep({ owner, taken: same ? before.taken : [] });
}

worker.addEventListener("install", () => void worker.skipWaiting());
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("push", (event) => event.waitUntil(onPush(event.data)));
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});
worker.addEventListener("pushsubscriptionchange", (/** @type {any} */ event) => event.waitUntil(subscribeAnew(event.oldSubscription ?? null, event.newSubscription ?? null)));
worker.addEventListener("message", (event) => {
  if (event.data?.type === "owner") event.waitUntil(inTurn(() => setOwner(event.data.owner)).then(() => event.ports[0]?.postMessage(true)));
});
