// The client: a WebSocket, timers and fetch around the core. Every effect of the core is performed here, in order.

import type { CallPort, CallsOptions } from "./call_api.js";
import { Calls } from "./calls.js";
import { Core, DEFAULT_RULES, type CoreRules, type NewCommand, type NewRead, type Saved } from "./core.js";
import type { Acked, Answer, Effect, Refused, Source, StateChanged } from "./effects.js";
import { Emitter, type Listener } from "./emitter.js";
import { CallRejected, ClientClosed, Rejected, RequestFailed, SignedOut, WarblerError, type SignedOutWhy } from "./errors.js";
import {
  CLOSE_CODES,
  PushOffer,
  SUBPROTOCOL_JSON,
  type DeviceContent,
  type DirectoryEntry,
  type EventItem,
  type Failure,
  type FrameMember,
  type FrameSettings,
  type FromDevice,
  type FromEdge,
  type HistoryPage,
  type Presence,
  type PresenceEntry,
  type Receipt,
  type ReceiptCounts,
  type ReceiptsPage,
  type SendMessage,
  type Signalled,
  type UserTyping,
  type Welcome,
} from "./frames.js";
import { Friends } from "./friends.js";
import { Groups } from "./groups.js";
import type { Fetch } from "./http.js";
import { IdMaker } from "./ids.js";
import type { Pending } from "./outbox.js";
import { SignIn } from "./signin.js";
import { Roster } from "./roster.js";
import { Rest } from "./rest.js";
import { RosterKeeper, type RosterHeard } from "./roster_keeper.js";
import { MemoryStore, readJson, type KeyValueStore } from "./storage.js";
import { Stream } from "./stream.js";
import { Ways, type Entry, type SignedIn } from "./ways.js";

/** What is used of a WebSocket: the browser's, or that of the package `ws`. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(): void;
}
export type SocketConstructor = new (url: string, protocols: string[]) => Socket;

export interface ClientOptions {
  /** The edge's address, like "http://127.0.0.1:8480", or several: after a connection is lost the next one is tried. */
  readonly url: string | readonly string[];
  /** Where REST calls go, if not to the edge of the socket: a browser lets a page call only where it came from. */
  readonly rest_url?: string;
  /** Needed where there is no global one (Node 20). */
  readonly WebSocket?: SocketConstructor;
  readonly fetch?: Fetch;
  /** Keeps the sign-in, the device's id, positions and unacked commands; like window.localStorage. Default: memory. */
  readonly storage?: KeyValueStore;
  readonly device?: string;
  /** What the user sees in its list of devices, like "Firefox on Linux". */
  readonly device_name?: string;
  readonly platform?: "web" | "ios" | "android" | "desktop" | "bot";
  /** Name and version of the application, for operators. */
  readonly agent?: string;
  /** A push token that the application has already, registered with every hello: the event `welcome` says what became of it. */
  readonly push?: PushOffer;
  readonly rules?: Partial<CoreRules>;
  /** Devices and limits of calls. */
  readonly calls?: CallsOptions;
}

export interface HeardEvent {
  readonly conversation: string;
  readonly event: EventItem;
  readonly source: Source;
}

export interface ClientEvents {
  event: HeardEvent;
  ack: Acked;
  reject: Refused;
  /** A command was taken; it is in `pending` until its ack or reject. */
  queued: { readonly key: number };
  state: StateChanged;
  welcome: Welcome;
  directory: { readonly entries: readonly DirectoryEntry[]; readonly complete: boolean };
  typing: UserTyping;
  /** How far somebody got; of the own user, what any device of it marked. */
  receipt: Receipt;
  /** Follows `watchReceipts`. */
  counts: ReceiptCounts;
  /** Follows `watchPresence`. */
  presence: readonly PresenceEntry[];
  /** Friends, requests, blocks, aliases: what changed, and whether invitations did. */
  roster: RosterHeard;
  /** An ephemeral message: no event, in no history. */
  signalled: Signalled;
  /** The node is going to stop: the client comes back to another one within `after_ms`; nothing is to be done. */
  moving: { readonly after_ms: number };
  /** Events that will not come: their records are damaged, or they are from before the user came and not for newcomers. */
  missing: { readonly conversation: string; readonly seqs: readonly number[] };
  /** Positions are void (of one conversation, or all): what was shown is to be read again. */
  reset: { readonly conversation: string | null };
  signed_out: { readonly reason: string; readonly why: SignedOutWhy };
}

export type Sent = Omit<Acked, "kind" | "key" | "frame"> & { readonly id: string };
export interface SendOptions {
  readonly reply_to?: number;
  readonly mentions?: readonly string[];
  /** Kept in the list of announcements; needs the permission. */
  readonly announcement?: boolean;
  /** An "ephemeral" message is no event, and its seq is 0. Default: what is usual in the conversation. */
  readonly qos?: NonNullable<SendMessage["qos"]>;
}

export interface ReceiptsWanted {
  readonly state?: ReceiptState;
  /** False: those who have not got so far. */
  readonly has?: boolean;
  readonly limit?: number;
}
type ReceiptState = "delivered" | "read" | "played";
export interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: WarblerError) => void;
}

const SAVE_MS = 200;
const TIMER_LIMIT_MS = 2 ** 31 - 1;
const DEFAULT_FRAME_BYTES = 64 * 1024;
const BROKEN = 1006; // RFC 6455 7.1.5: no close frame
const utf8 = new TextEncoder();

export class Client {
  readonly rest: Rest;
  readonly device: string;
  /** Signing in, by each method. */
  readonly ways: Ways;
  /** Requests, answers, blocks; what is read of people is in `rest.friends`. */
  readonly friends = new Friends<Sent>((frame) => this.command(frame));
  /** Members, roles, mutes, bans, links; what is read of groups is in `rest.groups`. */
  readonly groups = new Groups<Sent>((frame) => this.command(frame));
  /** Voice and video: needs a browser's WebRTC. */
  readonly calls: Calls;
  private readonly rosterKeeper: RosterKeeper;
  private readonly emitter = new Emitter<ClientEvents>();
  private readonly store: KeyValueStore;
  private readonly signin: SignIn;
  private readonly commands = new Map<number, Waiter<Sent>>();
  private readonly reads = new Map<string, Waiter<Answer>>();
  private readonly urls: readonly string[];
  private turn = 0;
  private readonly syncs = new Map<string, Waiter<void>[]>();
  private readonly streams = new Set<Stream<HeardEvent>>();
  private readonly ids = new IdMaker(Math.random);
  private core: Core | null = null;
  private socket: Socket | null = null;
  private opening = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private timer_at_ms = Infinity;
  private save_timer: ReturnType<typeof setTimeout> | undefined;
  private readonly effects: Effect[] = [];
  private performing = false;

  constructor(private readonly options: ClientOptions) {
    this.store = options.storage ?? new MemoryStore();
    this.device = options.device ?? this.keptDevice();
    this.signin = new SignIn(this.store, () => this.rest, Date.now);
    const call: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.urls = [options.url].flat().map((url) => url.replace(/\/$/, ""));
    this.rest = new Rest(() => options.rest_url ?? this.url, call, (fresh) => this.signin.token(fresh));
    const { device_name, platform = "web" } = options;
    const info = { id: this.device, platform, ...(device_name === undefined ? {} : { name: device_name }) };
    this.ways = new Ways(this.rest, info, this.store, (signed_in) => this.useSignIn(signed_in));
    this.calls = new Calls(this.callPort(), options.calls ?? {});
    this.rosterKeeper = new RosterKeeper(this.rest.friends, this.store, (heard) => this.emitter.emit("roster", heard));
  }

  // ---- signing in

  /** Who is signed in, also from an earlier run with the same storage. */
  get signedIn(): SignedIn | null {
    return this.signin.current;
  }

  /** An access token that is good for a while, for calls that are not made here: an `Admin`'s. Raises: SignedOut, Unreachable. */
  token(): Promise<string> {
    return this.signin.token(false);
  }

  register(name: string, password: string): Promise<Entry> {
    return this.ways.register(name, password);
  }

  /** By name and password; the other ways are in `ways`. A second factor may be needed: then `ways.factor` ends it. */
  login(name: string, password: string): Promise<Entry> {
    return this.ways.password(name, password);
  }

  /** Takes tokens that came another way, like an administrator's. */
  useSignIn(signed_in: SignedIn): SignedIn {
    if (this.core !== null && this.core.user !== signed_in.user) this.close();
    this.signin.set(signed_in);
    return signed_in;
  }

  /** Ends the session and forgets the sign-in, the positions and what was not sent. */
  async logout(): Promise<void> {
    const { current } = this.signin;
    this.close();
    if (current !== null) this.store.removeItem(stateKey(current.user));
    if (current !== null) this.rosterKeeper.forget(current.user);
    this.signin.set(null);
    if (current?.refresh_token !== undefined) await this.rest.logout(current.refresh_token);
  }

  // ---- the connection

  /** Connects, and again after every loss, until `close` or `logout`. Raises: SignedOut when nobody is signed in. */
  connect(): void {
    const { current } = this.signin;
    if (current === null) throw new SignedOut("sign in first");
    if (this.core === null) {
      const rules = { ...DEFAULT_RULES, ...this.options.rules };
      this.core = new Core(current.user, this.device, this.options.agent ?? "warbler-js/0.1.0", Math.random, rules);
      this.core.push = this.options.push ?? null;
      const saved = readJson<Saved>(this.store, stateKey(current.user));
      if (saved !== null) this.core.restore(saved);
    }
    this.apply(this.core.start(now()));
  }

  /** Does not wait for the back-off to end: call it when the network is back, or when the user asks. */
  retryNow(): void {
    if (this.core !== null) this.apply(this.core.retryNow(now()));
  }

  /** Ends the session. What is under way is rejected with ClientClosed; unacked commands are kept for the next run. */
  close(): void {
    const { core } = this;
    if (core === null) return;
    this.calls.close();
    this.apply(core.stop(now()));
    this.save();
    this.core = null;
    clearTimeout(this.timer);
    this.timer_at_ms = Infinity;
    const waiters = [...this.commands.values(), ...this.reads.values(), ...[...this.syncs.values()].flat()];
    for (const waiters_map of [this.commands, this.reads, this.syncs]) waiters_map.clear();
    for (const waiter of waiters) waiter.reject(new ClientClosed());
    for (const stream of [...this.streams]) stream.end();
  }

  /** The edge's address where it is connected, or will be next. */
  get url(): string {
    return this.urls[this.turn % this.urls.length] ?? "";
  }

  get phase(): Core["phase"] {
    return this.core?.phase ?? "stopped";
  }

  /** Where this device stands. Shape: conversation -> next seq. */
  get positions(): ReadonlyMap<string, number> {
    return new Map([...(this.core?.trackers ?? [])].map(([name, tracker]) => [name, tracker.next_seq]));
  }

  /** Commands without an answer, oldest first; of one conversation, or all. */
  pending(conversation?: string): Pending[] {
    const all = [...(this.core?.outbox ?? [])];
    return conversation === undefined ? all : all.filter((entry) => entry.frame.conversation === conversation);
  }

  // ---- hearing

  on<K extends keyof ClientEvents>(name: K, listener: Listener<ClientEvents[K]>): () => void {
    return this.emitter.on(name, listener);
  }

  /** Events from now on, as an async iterator that ends with `close`; each conversation's dense by seq. Raises: Overflow. */
  events(): Stream<HeardEvent> {
    const stream: Stream<HeardEvent> = new Stream(() => this.streams.delete(stream));
    this.streams.add(stream);
    return stream;
  }

  [Symbol.asyncIterator](): Stream<HeardEvent> {
    return this.events();
  }

  // ---- commands: each resolves when it is committed, and raises Rejected when it is refused for good

  send(conversation: string, content: string | DeviceContent, options: SendOptions = {}): Promise<Sent> {
    return this.command({ type: "send_message", conversation, content: contentOf(content), ...options });
  }

  edit(conversation: string, target_seq: number, content: string | DeviceContent, mentions: readonly string[] = []): Promise<Sent> {
    return this.command({ type: "edit_message", conversation, target_seq, content: contentOf(content), mentions });
  }

  recall(conversation: string, target_seq: number): Promise<Sent> {
    return this.command({ type: "recall_message", conversation, target_seq });
  }

  react(conversation: string, target_seq: number, reaction: string): Promise<Sent> {
    return this.command({ type: "add_reaction", conversation, target_seq, reaction });
  }

  unreact(conversation: string, target_seq: number, reaction: string): Promise<Sent> {
    return this.command({ type: "remove_reaction", conversation, target_seq, reaction });
  }

  /** The conversation with one other user: the one there is, or a new one. */
  async direct(user: string): Promise<string> {
    const members: FrameMember[] = [{ user, role: "member" }];
    try {
      return (await this.command({ type: "create_conversation", conversation: "", conversation_kind: "direct", members })).conversation;
    } catch (error) {
      if (error instanceof Rejected && error.code === "conversation_exists") return error.conversation;
      throw error;
    }
  }

  /** `settings`: private, by invitation, with the whole history for newcomers, unless they say otherwise. */
  async createGroup(title: string, users: readonly string[], kind: "group" | "channel" = "group", settings?: FrameSettings): Promise<string> {
    const members = users.map((user) => ({ user, role: "member" as const }));
    const made = { type: "create_conversation" as const, conversation: "", conversation_kind: kind, title, members };
    const frame = settings === undefined ? made : { ...made, settings };
    return (await this.command(frame)).conversation;
  }

  /** Any command, as a frame without its id. */
  command(frame: NewCommand): Promise<Sent> {
    const { core } = this;
    if (core === null) return Promise.reject(new ClientClosed());
    const bytes = utf8.encode(JSON.stringify(frame)).length + 60; // and its id
    const limit = core.limits?.frame_bytes ?? DEFAULT_FRAME_BYTES;
    // the edge would close the connection, again after each reconnect
    if (bytes > limit) return Promise.reject(new Rejected("too_long", `a frame has at most ${limit} bytes`, frame.conversation));
    const effects = core.command(frame, now());
    const queued = effects.find((effect) => effect.kind === "queued");
    return new Promise((resolve, reject) => {
      if (queued !== undefined) this.commands.set(queued.key, { resolve, reject });
      this.apply(effects);
    });
  }

  /** Marks as read up to a message, by its seq and ordinal; does nothing when it was read before. */
  markRead(conversation: string, seq: number, ordinal: number): void {
    if (this.core !== null) this.apply(this.core.markRead(conversation, seq, ordinal, now()));
  }

  /** Tells the others that the user types, or stopped. May be lost. */
  typing(conversation: string, typing: boolean): void {
    if (this.core !== null) this.apply(this.core.typing(conversation, typing, now()));
  }

  // ---- marks, which wait for a connection

  /** Listened or looked to the end. */
  markPlayed(conversation: string, seq: number): void {
    if (this.core !== null) this.apply(this.core.mark(conversation, "played", seq, now()));
  }

  /** Shown by a push, not opened. */
  markPreviewed(conversation: string, seq: number): void {
    if (this.core !== null) this.apply(this.core.mark(conversation, "previewed", seq, now()));
  }

  /** Kept for later, from `seq` on; 0 takes it back. The user's devices hear of it by `receipt`. */
  markUnread(conversation: string, seq: number): void {
    if (this.core !== null) this.apply(this.core.mark(conversation, "unread", seq, now()));
  }

  // ---- presence and counts, which are told as they change, on every connection

  /** How these users and the members of these conversations are; changes come by `presence`. Raises: RequestFailed (too_many). */
  async watchPresence(users: readonly string[], conversations: readonly string[] = []): Promise<readonly PresenceEntry[]> {
    return (await this.ask<Presence>({ type: "watch_presence", users, conversations })).users;
  }

  /** How many have got as far as `seq`, by `counts`; 0 ends it. */
  watchReceipts(conversation: string, seq: number): void {
    if (this.core !== null) this.apply(this.core.watch({ type: "watch_receipts", conversation, seq }, now()));
  }

  /** Whether the user is away from this device, and the user's status line (absent: as it was; empty: none). */
  setPresence(away: boolean, status?: string): void {
    if (this.core !== null) this.apply(this.core.watch({ type: "set_presence", away, status: status ?? null }, now()));
  }

  // ---- reads

  /** Messages as they stand now, below `before_seq` or the newest. Raises: RequestFailed, ClientClosed. */
  history(conversation: string, before_seq: number | null = null, limit = 50): Promise<HistoryPage> {
    return this.ask({ type: "history", conversation, before_seq, limit });
  }

  /** Pages of members who have (or have not) got as far as `seq`; one may be empty and not be the last. Raises: as `history`. */
  async *receipts(conversation: string, seq: number, wanted: ReceiptsWanted = {}): AsyncGenerator<ReceiptsPage, void> {
    const { state = "read", has = true, limit = 100 } = wanted;
    let after: string | null = null;
    do {
      const page: ReceiptsPage = await this.ask<ReceiptsPage>({ type: "receipts", conversation, seq, state, has, after, limit });
      yield page;
      after = page.next;
    } while (after !== null);
  }

  /** Friends, requests, blocks and notes, kept up to date from now on; what changes is told by `roster`. */
  followRoster(): Roster {
    return this.rosterKeeper.follow(this.signin.current?.user ?? "", this.phase === "online");
  }

  private ask<T extends Answer>(read: NewRead): Promise<T> {
    const { core } = this;
    if (core === null) return Promise.reject(new ClientClosed());
    return new Promise<Answer>((resolve, reject) => {
      const { request, effects } = core.read(read, now());
      this.reads.set(request, { resolve, reject });
      this.apply(effects);
    }) as Promise<T>;
  }

  /**
   * Resolves when every event up to the conversation's head was handed out. With `from_seq`, from there on once more.
   *
   * Raises: RequestFailed (not a member), ClientClosed.
   */
  sync(conversation: string, from_seq: number | null = null): Promise<void> {
    const { core } = this;
    if (core === null) return Promise.reject(new ClientClosed());
    return new Promise((resolve, reject) => {
      this.syncs.set(conversation, [...(this.syncs.get(conversation) ?? []), { resolve, reject }]);
      this.apply(core.sync(conversation, from_seq, now()));
    });
  }

  /** Reads the directory again: how the conversations stand now, by the event `directory`. */
  refreshDirectory(): void {
    if (this.core !== null) this.apply(this.core.read({ type: "directory", after: null }, now()).effects);
  }

  /** Writes positions and unacked commands to the storage now, not in a moment: before the page goes. */
  save(): void {
    clearTimeout(this.save_timer);
    this.save_timer = undefined;
    if (this.core !== null) this.store.setItem(stateKey(this.core.user), JSON.stringify(this.core.snapshot()));
  }

  // ---- performing

  /** Performs effects in order; those that a listener causes come after. */
  private apply(effects: readonly Effect[]): void {
    this.effects.push(...effects);
    if (this.performing) return;
    this.performing = true;
    try {
      for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift()) this.perform(effect);
    } finally {
      this.performing = false;
    }
    this.arm();
  }

  private perform(effect: Effect): void {
    switch (effect.kind) {
      case "open":
        return void this.open(effect.fresh_token);
      case "send":
        return this.write(effect.frame);
      case "close":
        return this.detach();
      case "save":
        this.save_timer ??= setTimeout(() => this.save(), SAVE_MS);
        return;
      case "event":
        return this.hear({ conversation: effect.conversation, event: effect.event, source: effect.source });
      case "queued":
        return this.emitter.emit("queued", { key: effect.key });
      case "acked":
        return this.onAcked(effect);
      case "refused":
        return this.onRefused(effect);
      case "answered":
        return this.takeRead(effect.answer.request)?.resolve(effect.answer);
      case "failed":
        return this.takeRead(effect.failure.request)?.reject(failed(effect.failure));
      case "synced":
        for (const waiter of this.takeSyncs(effect.conversation)) waiter.resolve();
        return;
      case "sync_failed":
        for (const waiter of this.takeSyncs(effect.conversation)) waiter.reject(failed(effect.failure));
        return;
      case "state":
        if (effect.phase === "waiting") this.turn += 1;
        return this.emitter.emit("state", effect);
      case "welcome":
        this.rosterKeeper.welcome();
        this.calls.welcomed(effect.frame.user);
        return this.emitter.emit("welcome", effect.frame);
      case "directory":
        return this.emitter.emit("directory", { entries: effect.entries, complete: effect.complete });
      case "typing":
        return this.emitter.emit("typing", effect.frame);
      case "receipt":
        return this.emitter.emit("receipt", effect.frame);
      case "counts":
        return this.emitter.emit("counts", effect.frame);
      case "presence":
        return this.emitter.emit("presence", effect.users);
      case "roster":
        return this.rosterKeeper.live(effect.frame);
      case "signalled":
        return this.emitter.emit("signalled", effect.frame);
      case "call":
        return this.calls.heard(effect.frame);
      case "moving":
        return this.emitter.emit("moving", { after_ms: effect.after_ms });
      case "missing":
        return this.emitter.emit("missing", { conversation: effect.conversation, seqs: effect.seqs });
      case "reset":
        return this.emitter.emit("reset", { conversation: effect.conversation });
    }
  }

  private hear(heard: HeardEvent): void {
    if (heard.event.kind === "call_noted") this.calls.noted(heard.event.call_id);
    this.emitter.emit("event", heard);
    for (const stream of [...this.streams]) stream.push(heard);
  }

  private onAcked(acked: Acked): void {
    const { conversation, seq, ordinal, at_ms, call } = acked;
    this.commands.get(acked.key)?.resolve({ conversation, seq, ordinal, at_ms, id: acked.frame.id, ...(call === undefined ? {} : { call }) });
    this.commands.delete(acked.key);
    this.emitter.emit("ack", acked);
  }

  private onRefused(refused: Refused): void {
    this.commands.get(refused.key)?.reject(rejected(refused));
    this.commands.delete(refused.key);
    this.emitter.emit("reject", refused);
  }

  private takeRead(request: string): Waiter<Answer> | undefined {
    const waiter = this.reads.get(request);
    this.reads.delete(request);
    return waiter;
  }

  private takeSyncs(conversation: string): Waiter<void>[] {
    const waiters = this.syncs.get(conversation) ?? [];
    this.syncs.delete(conversation);
    return waiters;
  }

  // ---- the socket

  private async open(fresh_token: boolean): Promise<void> {
    const turn = ++this.opening;
    let token: string;
    try {
      token = await this.signin.token(fresh_token);
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error;
      if (turn !== this.opening || this.core === null) return;
      this.apply(this.core.notOpened(error.detail, error instanceof SignedOut, now()));
      if (error instanceof SignedOut) this.emitter.emit("signed_out", { reason: error.detail, why: error.why });
      return;
    }
    if (turn !== this.opening || this.core === null) return;
    const Constructor = this.options.WebSocket ?? (globalThis.WebSocket as unknown as SocketConstructor | undefined);
    if (Constructor === undefined) throw new WarblerError("no_websocket", "give options.WebSocket: this runtime has none");
    this.attach(new Constructor(`${this.url.replace(/^http/, "ws")}/v1/socket`, [SUBPROTOCOL_JSON]), token);
  }

  /** From here until `detach` only this socket is heard. */
  private attach(socket: Socket, token: string): void {
    const { core } = this;
    if (core === null) return;
    this.socket = socket;
    socket.onopen = () => this.apply(core.opened(token, now()));
    socket.onmessage = (event: { data: unknown }) => this.read(core, event.data);
    socket.onerror = () => undefined; // a close follows, with the code
    socket.onclose = (event: { code: number }) => {
      this.socket = null;
      this.apply(core.closed(event.code, now()));
      const why = SIGNED_OUT_BY[event.code];
      if (why !== undefined) this.signedOut(why, closeReason(event.code));
    };
  }

  /** Somebody ended this sign-in: the tokens are worth nothing any more. What was not sent is kept, for who signs in again. */
  private signedOut(why: SignedOutWhy, reason: string): void {
    this.signin.set(null);
    this.emitter.emit("signed_out", { reason, why });
  }

  private read(core: Core, data: unknown): void {
    let frame: FromEdge;
    try {
      frame = JSON.parse(String(data)) as FromEdge;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.apply(core.closed(BROKEN, now())); // not our protocol: something between us and the edge
      return;
    }
    this.apply(core.frame(frame, now()));
  }

  private write(frame: FromDevice): void {
    this.socket?.send(JSON.stringify(frame));
  }

  private detach(): void {
    this.opening += 1;
    const { socket } = this;
    if (socket === null) return;
    this.socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => undefined; // `ws` raises one when it is closed before it was open
    socket.close();
  }

  private arm(): void {
    const { core } = this;
    const next_ms = core?.nextMs() ?? Infinity;
    if (core === null || next_ms >= this.timer_at_ms) return; // ticking too early does no harm
    clearTimeout(this.timer);
    this.timer_at_ms = next_ms;
    const tick = (): void => {
      this.timer_at_ms = Infinity;
      if (this.core === core) this.apply(core.tick(now()));
    };
    this.timer = setTimeout(tick, Math.min(Math.max(0, next_ms - now()), TIMER_LIMIT_MS));
  }

  private callPort(): CallPort {
    return {
      device: this.device,
      command: (frame) => this.command(frame),
      signal: (frame) => this.core !== null && this.apply(this.core.callSignal(frame, now())),
      id: () => this.ids.next(now() + (this.core?.clock_offset_ms ?? 0)),
      now,
    };
  }

  private keptDevice(): string {
    const kept = this.store.getItem("warbler.device");
    const device = kept ?? `js-${this.ids.next(Date.now())}`;
    if (kept === null) this.store.setItem("warbler.device", device);
    return device;
  }
}

/** Close codes that end the sign-in, not only the session. */
const SIGNED_OUT_BY: Readonly<Record<number, SignedOutWhy>> = { 4504: "revoked", 4511: "replaced", 4512: "frozen" };
const closeReason = (code: number): string => CLOSE_CODES.find((close) => close.code === code)?.reason ?? `closed with ${code}`;
const stateKey = (user: string): string => `warbler.state.${user}`;

function rejected({ code, detail, conversation, refusal }: Refused): Rejected {
  if (refusal === undefined) return new Rejected(code, detail, conversation);
  return new CallRejected(code, detail, conversation, refusal.call, refusal.fault, refusal.retry_after_ms);
}

const failed = (failure: Failure): RequestFailed => new RequestFailed(failure.code, failure.detail, failure.retryable);
const contentOf = (content: string | DeviceContent): DeviceContent => (typeof content === "string" ? { text: content } : content);

/** Milliseconds since the Unix epoch that never step back while the process lives. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
