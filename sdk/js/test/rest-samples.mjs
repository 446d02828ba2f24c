// Calls every method of the REST classes once with sample arguments, and prints what was asked: tests/sdk/test_rest_contract.py
// holds it against the edge's own document.

import { Admin, MemoryStore, Rest, Ways } from "../dist/index.js";

const needed = { challenge: "ch", factors: ["totp"], enrol: false, expires_at_ms: 1 };
const SAMPLES = {
  after: "1760000000000.c1",
  at_ms: 1,
  avatar: "",
  before_seq: 5,
  body: { conversation_kind: "group", title: "t", members: [{ user: "u-1", role: "member" }], settings: { joining: "open" } },
  change: { display_name: "Ana", fields: { a: "b" }, version: 1 },
  device: "d-1",
  keep_ms: 60_000,
  rule_scope: "kind",
  target: "group",
  ids: ["u-1"],
  kind: "email",
  level: 5,
  media_type: "image/png",
  mode: "all",
  needed,
  new_password: "long enough too",
  password: "long enough",
  permissions: ["users.read"],
  picture: new Uint8Array([1]),
  push_settings: { quiet_from: "22:00" },
  limit: 5,
  locale: "de",
  privacy: { receipts: true, presence: "everyone" },
  proof: { kind: "totp", code: "123456" },
  remember: true,
  role: "helper",
  scopes: ["users.read"],
  seq: 3,
  settings: { settings: { a: 1 }, version: 1 },
  state: "active",
  tags: ["work"],
  ttl_ms: 60_000,
  until_ms: 1,
  users: ["u-1"],
  value: {},
  names: ["ana"],
  action: "send",
};
// asked of the browser's authenticator first, or no call
const LEFT_OUT = new Set(["constructor", "call", "text", "pages", "challenged", "enrolling", "providerUrl", "enter", "take", "show", "all", "once"]);
const BY_BROWSER = new Set(["passkey", "passkeyFactor", "enrolPasskey", "stepUpByPasskey"]);
const OTHERS = {
  makeBot: ["bot", "bot"],
  sendPush: [{ audience: "tags", audience_of: ["news"], title: "Hello", ttl_ms: 60_000 }],
  pushResults: ["u-1", "accepted", "webpush"],
  pushStats: [24],
  makeWebhook: [{ url: "https://archive.example/hook", types: ["message_sent"] }],
  changeWebhook: ["wh-1", { url: "https://archive.example/hook", enabled: false }],
  rotateWebhookSecret: ["wh-1", 1],
  webhookDeliveries: ["wh-1", "given_up", 5],
  webhookDeadLetters: ["wh-1", 5],
  redeliverToWebhook: ["wh-1", { topic: "conversation-events", partition: 0, offset: 1 }],
  labelForPushes: ["u-1", ["news"], "ana"],
  openMatter: ["a letter", { conversations: ["g-1"], users: ["u-1"], from_ms: 1, until_ms: 2 }],
  scopeMatter: ["m-1", { users: ["u-1"] }],
  command: ["g-1", "u-1", { type: "leave_conversation" }],
  could: ["u-1", "send", "g-1", 1],
  give: [{ conversation: "g-1" }, { type: "leave_conversation" }],
};

const asked = [];
let current = "";

async function answer(url, init) {
  const { pathname, searchParams } = new URL(url);
  const body = init.body === undefined || init.headers["Content-Type"] !== "application/json" ? null : JSON.parse(init.body);
  asked.push({ name: current, method: init.method, path: pathname, query: Object.fromEntries(searchParams), body });
  const text = JSON.stringify(BY_BROWSER.has(current.split(".")[1]) ? { challenge: "ch", options: { publicKey: { challenge: "AAAA", user: { id: "AAAA" } } } } : { users: [], entries: [], next: null });
  return { ok: true, status: 200, text: async () => text, headers: new Headers() };
}

/** The names of a method's parameters, as its source says. */
function parametersOf(method) {
  const [, inner] = /^[^(]*\(([\s\S]*?)\)\s*\{/.exec(method.toString());
  return inner.split(",").map((each) => each.split("=")[0].trim()).filter((name) => name !== "");
}

async function callAll(part) {
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(part))) {
    if (LEFT_OUT.has(name)) continue;
    current = `${part.constructor.name}.${name}`;
    const given = OTHERS[name] ?? parametersOf(part[name]).map((parameter) => (parameter in SAMPLES ? SAMPLES[parameter] : "sample-1"));
    try {
      await part[name](...given);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof ReferenceError)) throw error; // there is no browser here, and no real answer
    }
  }
}

// a browser's answer, for what is asked of it in between
const bytes = new ArrayBuffer(4);
const response = { clientDataJSON: bytes, attestationObject: bytes, authenticatorData: bytes, signature: bytes, userHandle: null, getTransports: () => [] };
const credential = { id: "c", rawId: bytes, type: "public-key", authenticatorAttachment: null, getClientExtensionResults: () => ({}), response };
Object.defineProperty(globalThis, "navigator", { value: { credentials: { create: async () => credential, get: async () => credential } }, configurable: true });

const rest = new Rest(() => "http://edge", answer, async () => "t");
for (const part of [rest, rest.people, rest.friends, rest.groups, rest.push, rest.calls]) await callAll(part);
await callAll(new Ways(rest, { id: "d-1", platform: "web" }, new MemoryStore(), () => undefined));
const admin = new Admin("http://edge", "key", answer);
for (const part of [admin, admin.hooks, admin.retention]) await callAll(part);
current = "Rest.give";
await rest.give({ user: "u-1" }, { type: "block_user" });
current = "People.stepUp";
await rest.people.stepUp({ kind: "password", password: "long enough" });
current = "People.forgetDevices";
await rest.people.forgetDevices();
process.stdout.write(JSON.stringify(asked));
