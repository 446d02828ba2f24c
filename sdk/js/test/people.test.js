// Signing in, what ends a sign-in, second factors, the roster and links: over a fetch and a socket that the tests answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Directory, MemoryStore, Roster, StepUpNeeded, isSignedIn, isUnspoken, linkFrom, linkText } from "../dist/index.js";

const SIGNED_IN = { user: "u-ana", name: "ana", access_token: "a1", access_expires_at_ms: Date.now() + 9e6, refresh_token: "r1", sign_in: "s-1" };
const NEEDED = { challenge: "ch", factors: ["totp"], enrol: false, expires_at_ms: Date.now() + 9e5 };

/** A fetch that answers by path, and keeps what was asked. */
function server(answers) {
  const asked = [];
  const call = async (url, init) => {
    const { pathname, search } = new URL(url);
    const body = init.body === undefined ? null : JSON.parse(init.body);
    asked.push({ path: pathname + search, body, authorization: init.headers.Authorization });
    const found = answers[pathname];
    const [status, answer, headers] = typeof found === "function" ? found(body, search) : found;
    return { ok: status < 400, status, text: async () => (answer === null ? "" : JSON.stringify(answer)), headers: new Headers(headers ?? {}) };
  };
  return { asked, call };
}

/** A socket that stays as the test leaves it. */
class QuietSocket {
  static opened = [];
  sent = [];
  constructor(url) {
    this.url = url;
    QuietSocket.opened.push(this);
    setImmediate(() => this.onopen?.({}));
  }
  send(data) {
    this.sent.push(JSON.parse(data));
  }
  close() {}
  tell(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
  welcome() {
    const limits = { frame_bytes: 65536, text_bytes: 16384, commands_per_s: 50, commands_burst: 200, outstanding_commands: 8, sync_events: 200, history_messages: 100 };
    this.tell({ type: "welcome", session: "s", node: "n", user: "u-ana", epoch: "e", epoch_changed: false, now_ms: Date.now(), heartbeat_ms: 25000, limits, directory: [], next: null });
  }
}

const until = async (holds) => {
  for (let tries = 0; tries < 200; tries += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail("it did not come to that");
};

test("a second factor is a value; showing it signs in, and the device is remembered for the next time", async () => {
  const { asked, call } = server({
    "/v1/login": [202, NEEDED],
    "/v1/sign-in/factor": [200, { ...SIGNED_IN, remember_token: "m-1" }],
  });
  const client = new Client({ url: "http://edge", fetch: call, storage: new MemoryStore(), device: "d-1", device_name: "A browser" });
  const needed = await client.login("ana", "a password");
  assert.ok(!isSignedIn(needed));
  assert.equal(client.signedIn, null);
  assert.deepEqual(asked[0].body.device, { id: "d-1", name: "A browser", platform: "web" });
  const entry = await client.ways.factor(needed, { kind: "totp", code: "123456" }, true);
  assert.ok(isSignedIn(entry));
  assert.equal(client.signedIn.user, "u-ana");
  assert.deepEqual(asked[1].body, { challenge: "ch", kind: "totp", code: "123456", remember: true });
  await client.login("ana", "a password");
  assert.equal(asked[2].body.device.remember_token, "m-1");
});

test("a first factor is added with the challenge in place of a token", async () => {
  const { asked, call } = server({ "/v1/me/factors/totp": [201, { factor: "f", secret: "S", uri: "", qr_svg: "" }] });
  const client = new Client({ url: "http://edge", fetch: call });
  await client.ways.enrolling({ ...NEEDED, enrol: true }).enrolTotp("phone");
  assert.equal(asked[0].authorization, "Challenge ch");
});

test("an error says what it is, whether to come again and when", async () => {
  const { call } = server({
    "/v1/me": [403, { code: "step_up_needed", detail: "show a factor", retryable: false }],
    "/v1/me/profile": [429, { code: "rate_limited", detail: "", retryable: true }, { "Retry-After": "7" }],
  });
  const client = new Client({ url: "http://edge", fetch: call });
  client.useSignIn(SIGNED_IN);
  await assert.rejects(client.rest.people.me(), StepUpNeeded);
  await assert.rejects(client.rest.people.profile(), { status: 429, retryable: true, retry_after_ms: 7000 });
});

test("a token that the edge calls expired is renewed once, whatever the clock here says", async () => {
  let refused = 0;
  const { asked, call } = server({
    "/v1/refresh": [200, { ...SIGNED_IN, access_token: "a2" }],
    "/v1/me": () => (++refused === 1 ? [401, { code: "token_expired", detail: "over", retryable: false }] : [200, { user: "u-ana" }]),
  });
  const client = new Client({ url: "http://edge", fetch: call });
  client.useSignIn(SIGNED_IN);
  assert.equal((await client.rest.people.me()).user, "u-ana");
  assert.deepEqual(asked.map(({ path, authorization }) => [path, authorization]), [["/v1/me", "Bearer a1"], ["/v1/refresh", undefined], ["/v1/me", "Bearer a2"]]);
});

test("a refresh that is refused says why", async () => {
  const { call } = server({ "/v1/refresh": [401, { code: "token_revoked", detail: "gone", retryable: false }] });
  const client = new Client({ url: "http://edge", fetch: call });
  client.useSignIn({ ...SIGNED_IN, access_expires_at_ms: 0 });
  await assert.rejects(client.rest.people.me(), { code: "signed_out", why: "revoked" });
});

test("who is signed out from elsewhere is told why, and does not come back", async () => {
  for (const [code, why] of [[4504, "revoked"], [4511, "replaced"], [4512, "frozen"]]) {
    QuietSocket.opened.length = 0;
    const { call } = server({});
    const client = new Client({ url: "http://edge", fetch: call, WebSocket: QuietSocket, rules: { backoff: { base_ms: 1, cap_ms: 2 } } });
    client.useSignIn(SIGNED_IN);
    const told = [];
    client.on("signed_out", (event) => told.push(event));
    client.connect();
    await until(() => QuietSocket.opened.length === 1);
    const [socket] = QuietSocket.opened;
    await until(() => socket.sent.length === 1);
    socket.welcome();
    socket.onclose({ code });
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(QuietSocket.opened.length, 1, "it came back");
    assert.deepEqual(told.map((event) => event.why), [why]);
    assert.notEqual(told[0].reason, "");
    assert.equal(client.signedIn, null);
    client.close();
  }
});

const entry = (user, relation = "friends", more = {}) => ({ user, conversation: `d-${user}`, relation, blocked: false, alias: "", tags: [], text: "", changed_at_ms: 1, ...more });

test("the roster is read once, kept up to date by what is told, and read on from its version on the next connection", async () => {
  QuietSocket.opened.length = 0;
  const storage = new MemoryStore();
  const pages = {
    "": { version: "v2", full: true, entries: [entry("u-ben"), entry("u-eve", "asked")], next: "p2" },
    p2: { version: "v2", full: true, entries: [entry("u-dan")], next: null },
  };
  const { asked, call } = server({ "/v1/me/roster": (_, search) => [200, search.includes("since") ? { version: "v9", full: false, entries: [], next: null } : pages[new URLSearchParams(search).get("after") ?? ""]] });
  const client = new Client({ url: "http://edge", fetch: call, WebSocket: QuietSocket, storage, rules: { backoff: { base_ms: 1, cap_ms: 2 } } });
  client.useSignIn(SIGNED_IN);
  const heard = [];
  client.on("roster", (event) => heard.push(event));
  const roster = client.followRoster();
  client.connect();
  await until(() => QuietSocket.opened.length === 1 && QuietSocket.opened[0].sent.length === 1);
  QuietSocket.opened[0].welcome();
  await until(() => roster.complete);
  assert.deepEqual(roster.asking().map((each) => each.user), ["u-eve"]);
  assert.deepEqual(heard.map((event) => [event.entries.length, event.complete]), [[2, false], [1, true]]);
  QuietSocket.opened[0].tell({ type: "roster", version: "v3", entries: [entry("u-eve", "friends")], invitations: true });
  assert.deepEqual(heard.at(-1).entries.map((each) => each.relation), ["friends"]);
  assert.equal(heard.at(-1).invitations, true);
  assert.equal(roster.friends().length, 3);
  QuietSocket.opened[0].onclose({ code: 1006 });
  await until(() => QuietSocket.opened.length === 2 && QuietSocket.opened[1].sent.length === 1);
  QuietSocket.opened[1].welcome();
  await until(() => asked.at(-1).path === "/v1/me/roster?since=v3" && roster.complete);
  client.close();
  await until(() => storage.getItem("warbler.roster.u-ana") !== null);
  const again = new Roster();
  again.restore(JSON.parse(storage.getItem("warbler.roster.u-ana")));
  assert.equal(again.size, 3);
});

test("a page does not take back what was told since the sync began, and a full one forgets who is not named", () => {
  const roster = new Roster();
  roster.restore({ version: "v1", entries: [entry("u-old"), entry("u-ana", "asked")] });
  assert.equal(roster.begin(), "v1");
  roster.live({ type: "roster", version: "v5", entries: [entry("u-ana", "friends"), entry("u-new")] });
  roster.page({ version: "v4", full: true, entries: [entry("u-ana", "asked")], next: null });
  assert.deepEqual(roster.entries().map((each) => [each.user, each.relation]), [["u-ana", "friends"], ["u-new", "friends"]]);
  roster.begin();
  roster.page({ version: "v6", full: false, entries: [entry("u-ben")], next: "more" });
  assert.equal(roster.begin(), "v4", "a sync that broke begins again from where it began");
});

test("a link to join is text and back, and foreign text is none", () => {
  const link = { conversation: "g-1", link_id: "k-2", secret: "s_e-cret" };
  assert.deepEqual(linkFrom(linkText(link)), link);
  assert.deepEqual(["", "g-1", "g-1.k-2.", "a.b.c.d"].map(linkFrom), [null, null, null, null]);
});

test("two who never wrote to each other are in no list, until one does", () => {
  const directory = new Directory("ana");
  const base = { ordinal: 0, at_ms: 1, user: "ana", device: "d", id: "i" };
  const members = [{ user: "ana", role: "member" }, { user: "bo", role: "member" }];
  directory.apply("d-1", { ...base, kind: "conversation_created", seq: 1, conversation_kind: "direct", title: "", members });
  directory.apply("d-1", { ...base, kind: "friend_requested", seq: 2, member: "bo", text: "hi" });
  assert.ok(isUnspoken(directory.conversations.get("d-1")));
  directory.apply("d-1", { ...base, kind: "message_sent", seq: 3, ordinal: 1, content: { text: "hello" } });
  assert.ok(!isUnspoken(directory.conversations.get("d-1")));
});
