// The browser's subscription and the token of a hello: over a registration, a fetch and a socket that the tests answer.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { BrowserPush, Core, PushCalls } from "../dist/index.js";

const KEY = "BCEiJA8Fp_-w"; // nine bytes in base64url
const BYTES = Uint8Array.from(Buffer.from(KEY, "base64url")).buffer;
let asked = [];
let permission = "granted";

const calls = (channels = [{ channel: "webpush", application_server_key: KEY }]) =>
  new PushCalls({
    call: async (method, path, body) => {
      asked.push({ method, path, body });
      return { channels };
    },
  });

/** A service worker's registration whose push service is ours. `key`: what it was subscribed with before. */
function registration(key = null) {
  const subscribed = [];
  const made = (bytes) => ({
    options: { applicationServerKey: bytes },
    toJSON: () => ({ endpoint: "https://push.example.org/1", keys: {} }),
    unsubscribe: async () => (subscribed.pop(), true),
  });
  if (key !== null) subscribed.push(made(key));
  const pushManager = {
    getSubscription: async () => subscribed[0] ?? null,
    subscribe: async (options) => {
      assert.deepEqual(options, { userVisibleOnly: true, applicationServerKey: KEY });
      subscribed.push(made(BYTES));
      return subscribed[0];
    },
  };
  return { pushManager, subscribed };
}

const puts = () => asked.filter(({ method }) => method === "PUT");

beforeEach(() => {
  asked = [];
  permission = "granted";
  globalThis.Notification = { requestPermission: async () => permission };
});

test("a yes subscribes and registers this device", async () => {
  const held = registration();
  assert.equal(await new BrowserPush(calls(), "d-1", "de").subscribe(held), true);
  const token = '{"endpoint":"https://push.example.org/1","keys":{}}';
  assert.deepEqual(puts(), [{ method: "PUT", path: "/v1/me/push/tokens/webpush", body: { token, device: "d-1", locale: "de", app: "" } }]);
  assert.equal(held.subscribed.length, 1);
});

test("a no registers nothing, nor does a site or a browser without Web Push", async () => {
  permission = "denied";
  assert.equal(await new BrowserPush(calls(), "d-1").subscribe(registration()), false);
  permission = "granted";
  assert.equal(await new BrowserPush(calls([{ channel: "fcm", application_server_key: null }]), "d-1").subscribe(registration()), false);
  assert.equal(await new BrowserPush(calls(), "d-1").subscribe({}), false);
  assert.deepEqual(puts(), []);
});

test("a subscription for the site's key is kept, one for another key is made anew", async () => {
  const kept = registration(BYTES);
  const [before] = kept.subscribed;
  await new BrowserPush(calls(), "d-1").subscribe(kept);
  assert.equal(kept.subscribed[0], before);
  const old = registration(new Uint8Array([1, 2, 3]).buffer);
  await new BrowserPush(calls(), "d-1").subscribe(old);
  assert.equal(old.subscribed.length, 1);
  assert.equal(old.subscribed[0].options.applicationServerKey, BYTES);
});

test("a start registers once more what the browser has, and nothing else", async () => {
  const push = new BrowserPush(calls(), "d-1");
  assert.equal(await push.refresh(registration()), false);
  assert.equal(await push.refresh({}), false);
  assert.deepEqual(puts(), []);
  assert.equal(await push.refresh(registration(BYTES)), true);
  assert.equal(puts().length, 1);
});

test("forgetting takes the token from the edge and the subscription from the browser", async () => {
  const held = registration(BYTES);
  await new BrowserPush(calls(), "d 1").forget(held);
  assert.deepEqual(asked, [{ method: "DELETE", path: "/v1/me/push/tokens/webpush?device=d%201", body: undefined }]);
  assert.deepEqual(held.subscribed, []);
  await new BrowserPush(calls(), "d-1").forget({});
  assert.equal(asked.length, 2);
});

test("a hello brings the push token only where there is one", () => {
  const helloOf = (push) => {
    const core = new Core("u-ana", "d-1", "test", () => 0.5);
    core.push = push;
    core.start(0);
    return core.opened("token", 0).find((effect) => effect.frame?.type === "hello").frame;
  };
  const offer = { channel: "fcm", token: "t".repeat(20), app: "", locale: "en" };
  assert.deepEqual(helloOf(offer).push, offer);
  assert.equal("push" in helloOf(null), false);
});
