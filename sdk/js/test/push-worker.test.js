// The page's service worker in a world of fakes: what it shows, what it leaves, whom it tells. Real browsers: tests/real/test_page_push.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const SOURCE = readFileSync(new URL("../page/push-worker.js", import.meta.url), "utf8");
const OWNER = { user: "bo", access_token: "at", application_server_key: "BKey" };

/** A worker and what can be seen of it. `windows`: each answers an order as the function says. `refuses`: what showing a notification raises. */
function world({ windows = [], refuses = null, offline = false } = {}) {
  const handlers = new Map();
  const seen = { shown: [], calls: [], opened: [], focused: [], badges: [], subscribed: [] };
  let standing = [];
  const entries = new Map();
  const cache = { match: async (key) => entries.get(key)?.clone(), put: async (key, value) => void entries.set(key, value) };
  const registration = {
    getNotifications: async ({ tag } = {}) => standing.filter((each) => tag === undefined || each.tag === tag),
    showNotification: async (title, options) => {
      if (refuses !== null) throw refuses;
      const notification = { title, ...options, close: () => (standing = standing.filter((each) => each !== notification)) };
      standing = [...standing.filter((each) => each.tag !== options.tag), notification];
      seen.shown.push(notification);
    },
    pushManager: { subscribe: async (options) => (seen.subscribed.push(options), { endpoint: "https://push.example/new" }) },
  };
  const clients = {
    claim: async () => undefined,
    openWindow: async (url) => void seen.opened.push(url),
    matchAll: async () => windows.map((takes, at) => ({ focus: async () => void seen.focused.push(at), postMessage: (order, [port]) => takes(order) && port.postMessage(true) })),
  };
  const fetch = async (path, { method, headers, body }) => {
    seen.calls.push([method, path, JSON.parse(body), headers["Authorization"] ?? ""]);
    if (offline) throw new TypeError("no network");
    return { ok: true };
  };
  class Channel {
    constructor() {
      this.port1 = {};
      this.port2 = { postMessage: (data) => setTimeout(() => this.port1.onmessage({ data })) };
    }
  }
  const self = { addEventListener: (kind, handler) => handlers.set(kind, handler), registration, clients, skipWaiting: () => undefined };
  const navigator = { setAppBadge: async (count) => void seen.badges.push(count), clearAppBadge: async () => void seen.badges.push(0) };
  vm.runInNewContext(SOURCE, { self, caches: { open: async () => cache }, navigator, fetch, Response, AbortSignal, MessageChannel: Channel, setTimeout, SyntaxError });
  const fire = (kind, event) => {
    let work;
    handlers.get(kind)({ ...event, ports: [], waitUntil: (promise) => (work = promise) });
    return work;
  };
  return {
    seen,
    standing: () => standing,
    taken: async () => (await (await entries.get("/push-worker/kept")).clone().json()).taken.map(({ outcome }) => outcome),
    owner: (owner = OWNER) => fire("message", { data: { type: "owner", owner } }),
    push: (text) => fire("push", { data: { json: () => JSON.parse(typeof text === "string" ? text : JSON.stringify(text)) } }),
    click: (notification) => fire("notificationclick", { notification }),
    changed: (event) => fire("pushsubscriptionchange", event),
  };
}

const alert = (seq, more = {}) => ({ kind: "alert", key: `k${seq}`, tag: "c1", title: "Ana", body: `m${seq}`, badge: seq, at_ms: 1_000 + seq, ticket: `t${seq}`, data: { conversation: "d1", seq: String(seq) }, ...more });

test("a push is shown, counted and acknowledged; the next of its conversation takes its place", async () => {
  const { seen, owner, push, standing } = world();
  await owner();
  await push(alert(1));
  await push(alert(2));
  assert.deepEqual(standing().map(({ title, body, tag, data }) => [title, body, tag, { ...data }]), [["Ana", "m2", "c1", { conversation: "d1", seq: 2, at_ms: 1_002 }]]);
  assert.deepEqual(seen.badges, [1, 2]);
  assert.deepEqual(seen.calls, [["POST", "/v1/push/received", { ticket: "t1" }, ""], ["POST", "/v1/push/received", { ticket: "t2" }, ""]]);
});

test("the same key shows nothing again, also when both come at once", async () => {
  const { seen, owner, push } = world();
  await owner();
  await Promise.all([push(alert(1)), push(alert(1))]);
  assert.equal(seen.shown.length, 1);
  assert.equal(seen.calls.length, 2); // the first acknowledgement may have been lost
});

test("of more keys than are kept, the newest are", async () => {
  const { taken, owner, push } = world();
  await owner();
  for (let seq = 1; seq <= 205; seq++) await push(alert(seq));
  assert.equal((await taken()).length, 200);
});

test("an older message does not take the place of a newer one, and is acknowledged", async () => {
  const { seen, owner, push, standing } = world();
  await owner();
  await push(alert(5));
  await push(alert(4));
  assert.deepEqual(standing().map(({ body }) => body), ["m5"]);
  assert.equal(seen.calls.length, 2);
});

test("what is withdrawn is closed, unless something newer stands there", async () => {
  const { owner, push, standing, taken } = world();
  await owner();
  await push(alert(1));
  await push(alert(1, { kind: "withdraw", key: "w1" }));
  assert.equal(standing().length, 0);
  await push(alert(3));
  await push(alert(2, { kind: "withdraw", key: "w2" }));
  assert.deepEqual(standing().map(({ body }) => body), ["m3"]);
  assert.deepEqual(await taken(), ["shown", "withdrawn", "shown", "older"]);
});

test("where nobody is signed in nothing is shown; a change of the user closes what stands", async () => {
  const { owner, push, standing, seen } = world();
  await push(alert(1));
  assert.deepEqual([seen.shown.length, seen.calls.length], [0, 0]);
  await owner();
  await push(alert(2));
  await owner({ ...OWNER, access_token: "newer" });
  assert.equal(standing().length, 1);
  await owner(null);
  assert.equal(standing().length, 0);
});

test("what cannot be read is left; what cannot be shown is acknowledged with its reason kept", async () => {
  const { owner, push, seen, taken } = world({ refuses: new TypeError("no permission") });
  await owner();
  for (const bad of ["<html>", "null", "[]", '{"kind":"alert"}', '"text"']) await push(bad);
  assert.deepEqual(seen.calls, []);
  await push(alert(1));
  assert.deepEqual(await taken(), ["TypeError: no permission"]);
  assert.equal(seen.calls.length, 1);
});

test("a silent push changes the badge alone; without a network nothing fails", async () => {
  const { owner, push, seen } = world({ offline: true });
  await owner();
  await push(alert(0, { kind: "silent" }));
  assert.deepEqual([seen.badges, seen.shown.length], [[0], 0]);
});

test("a click goes to the window of the user, among those of others", async () => {
  const orders = [];
  const { owner, push, click, standing, seen } = world({ windows: [() => false, (order) => orders.push(order)] });
  await owner();
  await push(alert(1));
  await click(standing()[0]);
  assert.deepEqual({ ...orders[0] }, { type: "open", user: "bo", conversation: "d1" });
  assert.deepEqual([seen.focused, seen.opened, standing().length], [[1], [], 0]);
});

test("a click without a window of the user opens one, also where other people have theirs", async () => {
  for (const windows of [[], [() => false]]) {
    const { owner, push, click, standing, seen } = world({ windows });
    await owner();
    await push(alert(1));
    await click(standing()[0]);
    assert.deepEqual(seen.opened, ["/#d1"]);
  }
});

test("a changed subscription is registered by a window, or else by the worker", async () => {
  const opened = world({ windows: [(order) => order.type === "register"] });
  await opened.owner();
  await opened.changed({ oldSubscription: null, newSubscription: null });
  assert.equal(opened.seen.subscribed[0].applicationServerKey, "BKey");
  assert.deepEqual(opened.seen.calls, []);
  const alone = world();
  await alone.changed({});
  assert.deepEqual(alone.seen.subscribed, []); // nobody is signed in
  await alone.owner();
  await alone.changed({ newSubscription: { endpoint: "https://push.example/2" } });
  assert.deepEqual(alone.seen.calls, [["PUT", "/v1/me/push/tokens/webpush", { token: '{"endpoint":"https://push.example/2"}' }, "Bearer at"]]);
});
