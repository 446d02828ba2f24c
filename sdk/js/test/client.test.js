// The shell over real sockets: a small edge of `ws` and node:http, killed and started again.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { Client, ClientClosed, MemoryStore, Overflow, Rejected, RestError, SignedOut, Stream, Unreachable } from "../dist/index.js";
import { ModelEdge } from "./model-edge.js";

const RULES = { backoff: { base_ms: 5, cap_ms: 40 } };

/** A model edge behind a port; `down` drops every socket and the port, `up` takes the same one again. */
class Node {
  model = new ModelEdge({ random: Math.random });
  sockets = new Set();
  tokens = new Map([["t-ana", "ana"], ["t-bo", "bo"]]);
  refreshed = 0;
  port = 0;

  async up() {
    this.server = createServer((request, response) => this.rest(request, response));
    const sockets = new WebSocketServer({ server: this.server, path: "/v1/socket", handleProtocols: () => "warbler.v1+json" });
    sockets.on("connection", (socket) => this.connected(socket));
    await new Promise((resolve) => this.server.listen(this.port, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    return this;
  }

  connected(socket) {
    this.sockets.add(socket);
    const session = this.model.connect((frame) => setImmediate(() => socket.readyState === 1 && socket.send(JSON.stringify(frame))));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      if (frame.type === "hello") {
        const user = this.tokens.get(frame.token);
        if (user === undefined) return socket.close(4503, "the token has expired");
        frame.token = user;
      }
      this.seen?.(frame, socket);
      this.model.frame(session, frame, Date.now());
      return undefined;
    });
    socket.on("close", () => {
      this.sockets.delete(socket);
      this.model.disconnect(session);
    });
  }

  rest(request, response) {
    const answer = (status, body) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    if (request.url === "/v1/refresh") {
      this.refreshed += 1;
      if (this.revoked) return answer(401, { code: "bad_token", detail: "over", retryable: false });
      this.tokens.set("t-new", "ana");
      return answer(200, { user: "ana", name: "Ana", access_token: "t-new", access_expires_at_ms: Date.now() + 9e5, refresh_token: "r2" });
    }
    if (request.url === "/v1/login") return answer(401, { code: "bad_credentials", detail: "wrong", retryable: false });
    return answer(502, "no JSON of ours");
  }

  async down() {
    for (const socket of this.sockets) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }

  client(user, options = {}) {
    const client = new Client({ url: `http://127.0.0.1:${this.port}`, WebSocket, rules: RULES, ...options });
    client.useSignIn({ user, name: user, access_token: `t-${user}`, access_expires_at_ms: Date.now() + 9e5, ...options.signin });
    return client;
  }
}

const phase = (client, wanted) =>
  new Promise((resolve) => {
    if (client.phase === wanted) return resolve();
    const off = client.on("state", (state) => {
      if (state.phase !== wanted) return;
      off();
      resolve();
    });
    return undefined;
  });

async function withNode(work) {
  const node = await new Node().up();
  node.model.log("c1");
  const clients = [];
  const client = (...args) => {
    const made = node.client(...args);
    clients.push(made);
    return made;
  };
  try {
    await work(node, client);
  } finally {
    for (const made of clients) made.close();
    await node.down();
  }
}

test("a message goes from one to the other, and the sender hears its own event once", () =>
  withNode(async (_node, client) => {
    const [ana, bo] = [client("ana"), client("bo")];
    const heard = [];
    ana.on("event", ({ event, source }) => heard.push([event.seq, source]));
    const stream = bo.events();
    ana.connect();
    bo.connect();
    await Promise.all([phase(ana, "online"), phase(bo, "online")]);
    const sent = await ana.send("c1", "hello");
    assert.equal(sent.seq, 1);
    assert.equal(sent.conversation, "c1");
    const { value } = await stream.next();
    assert.equal(value.event.content.text, "hello");
    assert.equal(value.event.id, sent.id);
    assert.deepEqual(heard, [[1, "own"]]);
    assert.equal(ana.positions.get("c1"), 2);
  }));

test("what is sent while the edge is down is accepted once when it is back, in order", () =>
  withNode(async (node, client) => {
    const [ana, bo] = [client("ana"), client("bo")];
    ana.connect();
    bo.connect();
    await Promise.all([phase(ana, "online"), phase(bo, "online")]);
    const heard = [];
    bo.on("event", ({ event }) => heard.push(event.content.text));
    await node.down();
    await phase(ana, "waiting");
    const sent = [1, 2, 3, 4, 5].map((n) => ana.send("c1", `m${n}`));
    assert.equal(ana.pending("c1").length, 5);
    await node.up();
    const seqs = (await Promise.all(sent)).map((ack) => ack.seq);
    assert.deepEqual(seqs, [1, 2, 3, 4, 5]);
    await bo.sync("c1");
    assert.deepEqual(heard, ["m1", "m2", "m3", "m4", "m5"]);
    assert.equal(node.model.log("c1").length, 5);
  }));

test("an edge that dies between the commit and the ack does not make a second message", () =>
  withNode(async (node, client) => {
    const ana = client("ana");
    ana.connect();
    await phase(ana, "online");
    let killed = 0;
    node.seen = (frame, socket) => {
      if (frame.type === "send_message" && killed++ === 0) setImmediate(() => socket.terminate());
      if (frame.type === "send_message" && killed === 1) socket.send = () => {}; // the ack is lost on the way
    };
    assert.equal((await ana.send("c1", "once")).seq, 1);
    assert.ok(killed >= 1);
    assert.equal(node.model.log("c1").length, 1);
  }));

test("an expired token is refreshed once and the connection goes on", () =>
  withNode(async (node, client) => {
    const ana = client("ana", { signin: { access_token: "t-old", refresh_token: "r1" } });
    ana.connect();
    await phase(ana, "online");
    assert.equal(node.refreshed, 1);
    assert.equal(ana.signedIn.refresh_token, "r2");
  }));

test("a refused refresh signs out and says so", () =>
  withNode(async (node, client) => {
    node.revoked = true;
    const ana = client("ana", { signin: { access_token: "t-old", refresh_token: "r1" } });
    const told = new Promise((resolve) => ana.on("signed_out", resolve));
    ana.connect();
    await told;
    assert.equal(ana.phase, "ended");
    assert.equal(ana.signedIn, null);
    assert.throws(() => ana.connect(), SignedOut);
  }));

test("positions and unacked commands survive in the storage", () =>
  withNode(async (node, client) => {
    const storage = new MemoryStore();
    const first = client("ana", { storage });
    first.connect();
    await phase(first, "online");
    await first.send("c1", "one");
    await node.down();
    await phase(first, "waiting");
    const unsent = first.send("c1", "two");
    first.close();
    await assert.rejects(unsent, ClientClosed);
    await node.up();
    const second = client("ana", { storage });
    assert.equal(second.device, first.device);
    const acked = new Promise((resolve) => second.on("ack", resolve));
    second.connect();
    assert.equal((await acked).seq, 2);
    assert.deepEqual(node.model.log("c1").map((event) => event.content.text), ["one", "two"]);
    assert.equal(second.positions.get("c1"), 3);
  }));

test("a command that is refused for good rejects with its code", () =>
  withNode(async (_node, client) => {
    const ana = client("ana");
    ana.connect();
    await assert.rejects(ana.send("c1", "refuse me"), (error) => error instanceof Rejected && error.code === "not_allowed");
    assert.equal(ana.pending().length, 0);
    await assert.rejects(ana.send("c1", "x".repeat(70_000)), (error) => error instanceof Rejected && error.code === "too_long");
    assert.equal((await ana.send("c1", "the connection lives")).seq, 1);
  }));

test("a close code that says never ends it, and the application may go on later", () =>
  withNode(async (node, client) => {
    const ana = client("ana");
    ana.connect();
    await phase(ana, "online");
    const state = new Promise((resolve) => ana.on("state", resolve));
    for (const socket of node.sockets) socket.close(4505, "too many");
    assert.deepEqual(await state, { kind: "state", phase: "ended", retry_at_ms: null, reason: "the user has too many sessions" });
    ana.connect();
    await phase(ana, "online");
  }));

test("REST errors are typed", () =>
  withNode(async (node, client) => {
    const ana = client("ana");
    await assert.rejects(ana.login("ana", "password"), (error) => error instanceof RestError && error.status === 401 && !error.retryable);
    await assert.rejects(ana.rest.users(["u-1"]), (error) => error instanceof RestError && error.status === 502 && error.retryable);
    await node.down();
    await assert.rejects(ana.login("ana", "password"), (error) => error instanceof Unreachable && error.retryable);
    await node.up();
  }));

test("an iterator whose reader sleeps ends with Overflow, not with a silent gap", async () => {
  const stream = new Stream(() => {}, 3);
  for (let n = 1; n <= 5; n += 1) stream.push(n);
  for (const n of [1, 2, 3]) assert.deepEqual(await stream.next(), { value: n, done: false });
  await assert.rejects(stream.next(), Overflow);
  assert.equal((await stream.next()).done, true);
});

test("after a move it goes on at the next address, with what was not answered", () =>
  withNode(async (node, client) => {
    const other = await new Node().up();
    other.model = node.model;
    const ana = client("ana", { url: [`http://127.0.0.1:${node.port}`, `http://127.0.0.1:${other.port}`] });
    try {
      ana.connect();
      await phase(ana, "online");
      const moving = new Promise((resolve) => ana.on("moving", resolve));
      for (const session of node.model.sessions) session.tell({ type: "move", after_ms: 30 });
      await moving;
      assert.equal((await ana.send("c1", "before")).seq, 1);
      await phase(ana, "waiting");
      const sent = ana.send("c1", "after");
      assert.equal((await sent).seq, 2);
      assert.equal(ana.url, `http://127.0.0.1:${other.port}`);
      assert.equal(other.sockets.size, 1);
    } finally {
      ana.close();
      await other.down();
    }
  }));

test("receipts are read page by page", () =>
  withNode(async (node, client) => {
    const ana = client("ana");
    node.seen = (frame, socket) => {
      if (frame.type !== "receipts") return;
      const place = Number(frame.after ?? 0);
      const entries = place === 1 ? [] : [{ user: `u${place}`, up_to_seq: frame.seq, at_ms: 1 }];
      const next = place === 2 ? null : String(place + 1);
      socket.send(JSON.stringify({ type: "receipts_page", request: frame.request, conversation: frame.conversation, entries, next }));
    };
    ana.connect();
    await phase(ana, "online");
    const users = [];
    for await (const page of ana.receipts("c1", 4, { state: "played", has: false })) users.push(...page.entries.map((entry) => entry.user));
    assert.deepEqual(users, ["u0", "u2"]);
  }));
