// An edge in memory with virtual time: decides, remembers few commands, pages in small steps. What the real one promises, no more.

import { idMs } from "../dist/index.js";

export const LIMITS = {
  frame_bytes: 65536,
  text_bytes: 16384,
  commands_per_s: 50,
  commands_burst: 200,
  outstanding_commands: 8,
  sync_events: 3,
  history_messages: 100,
};

/** What a command became: of an application or a block its own device cannot tell it from the ack. */
function made(frame, base) {
  if (frame.type === "apply_to_join") return { ...base, kind: "application_made", text: frame.text, link_id: "" };
  if (frame.type === "block_user") return { ...base, kind: "user_blocked", member: frame.member };
  return { ...base, kind: "message_sent", content: frame.content, mentions: [] };
}

/** What a test wrote into an event, whatever its kind. */
export const labelOf = (event) => event.content?.text ?? event.text ?? event.member;

/** A block is its actor's own matter. */
export function asSeen(event, user) {
  if (event.kind !== "user_blocked" || event.user === user) return event;
  const { seq, ordinal, at_ms } = event;
  return { kind: "hidden", seq, ordinal, at_ms, user: "", device: "", id: "" };
}

export class ModelEdge {
  /** `remembered`: ids per conversation that can be answered as repeated; an older one is stale. */
  constructor({ random, remembered = 1000, refuse_ratio = 0, clock_offset_ms = 0, missing_ratio = 0, give_up_ratio = 0 }) {
    Object.assign(this, { random, remembered, refuse_ratio, clock_offset_ms, missing_ratio, give_up_ratio });
    this.delivered = new Map(); // "device conversation" -> seq
    this.given_up = 0;
    this.logs = new Map(); // conversation -> events
    this.ids = new Map(); // conversation -> Map(id -> event)
    this.evicted_ms = new Map();
    this.damaged = new Map(); // conversation -> Set(seq)
    this.sessions = new Set();
    this.epoch = "e1";
    this.stale_count = 0;
    this.refused_count = 0;
  }

  log(conversation) {
    if (!this.logs.has(conversation)) this.logs.set(conversation, []);
    return this.logs.get(conversation);
  }

  connect(tell) {
    const session = { tell, user: null, device: null, catching: new Set(), written: new Map(), open: true };
    this.sessions.add(session);
    return session;
  }

  disconnect(session) {
    session.open = false;
    this.sessions.delete(session);
  }

  frame(session, frame, now_ms) {
    if (!session.open) return;
    if (frame.type === "hello") return this.hello(session, frame, now_ms);
    if (frame.type === "sync") return this.sync(session, frame, now_ms);
    if (frame.type === "ping") return session.tell({ type: "pong", nonce: "", now_ms: now_ms + this.clock_offset_ms });
    if (frame.type === "mark") return this.mark(session, frame);
    if (["typing", "set_presence", "watch_receipts", "watch_presence", "receipts"].includes(frame.type)) return undefined;
    return this.command(session, frame, now_ms);
  }

  hello(session, hello, now_ms) {
    session.user = hello.token;
    session.device = hello.device;
    const directory = [...this.logs].map(([conversation, log]) => this.entry(conversation, log));
    const now = now_ms + this.clock_offset_ms;
    const base = { session: "s", node: "n", user: session.user, epoch: this.epoch, now_ms: now, heartbeat_ms: 25000, limits: LIMITS };
    const epoch_changed = hello.epoch != null && hello.epoch !== this.epoch;
    session.tell({ type: "welcome", ...base, epoch_changed, directory, next: null });
    for (const [conversation, from_seq] of Object.entries(epoch_changed ? {} : hello.positions)) {
      session.catching.add(conversation);
      this.sync(session, { request: "", conversation, from_seq, limit: LIMITS.sync_events }, now_ms);
    }
  }

  entry(conversation, log) {
    const head = log.at(-1);
    const place = { conversation, conversation_kind: "group", title: conversation, role: "member" };
    return { ...place, head_seq: head?.seq ?? 0, head_ordinal: head?.ordinal ?? 0, active_at_ms: 0, read_seq: 0, unread: 0 };
  }

  /** The page is cut now and told a moment later, with what came in between held back: as the real edge does it. */
  sync(session, frame, _now_ms) {
    session.catching.add(frame.conversation);
    if (this.random() < this.refuse_ratio) {
      session.catching.delete(frame.conversation);
      this.refused_count += 1;
      session.tell({ type: "error", request: frame.request, code: "behind", detail: "", retryable: true, retry_after_ms: 50 });
      return;
    }
    const log = this.log(frame.conversation);
    const damaged = this.damaged.get(frame.conversation) ?? new Set();
    const wanted = log.filter((event) => event.seq >= frame.from_seq).slice(0, frame.limit);
    const next_seq = (wanted.at(-1)?.seq ?? frame.from_seq - 1) + 1;
    const more = next_seq <= log.length;
    if (!more) session.catching.delete(frame.conversation);
    const events = wanted.filter((event) => !damaged.has(event.seq)).map((event) => asSeen(event, session.user));
    const missing = wanted.filter((event) => damaged.has(event.seq)).map((event) => event.seq);
    session.tell({ type: "page", request: frame.request, conversation: frame.conversation, events, next_seq, more, missing });
  }

  mark(session, { conversation, state, up_to_seq }) {
    if (state !== "delivered") return;
    if (up_to_seq < 1 || up_to_seq > this.log(conversation).length) throw new Error(`acked ${up_to_seq}, which there is not`);
    const key = `${session.device} ${conversation}`;
    this.delivered.set(key, Math.max(up_to_seq, this.delivered.get(key) ?? 0));
  }

  /** What was written live and is not acknowledged is written again. */
  redeliver(session) {
    for (const [conversation, seq] of session.written) {
      const from = this.delivered.get(`${session.device} ${conversation}`) ?? 0;
      const damaged = this.damaged.get(conversation) ?? new Set();
      const events = this.log(conversation).slice(from, seq).filter((event) => !damaged.has(event.seq)).map((event) => asSeen(event, session.user));
      if (events.length > 0 && !session.catching.has(conversation)) session.tell({ type: "events", conversation, events });
    }
  }

  command(session, frame, now_ms) {
    const reject = (code, retryable, retry_after_ms = 0) =>
      session.tell({ type: "reject", id: frame.id, conversation: frame.conversation, code, detail: "", retryable, retry_after_ms });
    if (this.random() < this.refuse_ratio) {
      this.refused_count += 1;
      return reject("unavailable", true, 30);
    }
    const { conversation } = frame;
    const ids = this.ids.get(conversation) ?? new Map();
    this.ids.set(conversation, ids);
    const known = ids.get(frame.id);
    const ack = (event) => ({ type: "ack", id: frame.id, conversation, seq: event.seq, ordinal: event.ordinal, at_ms: event.at_ms });
    if (known !== undefined) return session.tell(ack(known));
    if (idMs(frame.id) > now_ms + this.clock_offset_ms + 60000) return reject("clock_ahead", false);
    if (frame.id <= (this.evicted_ms.get(conversation) ?? "")) {
      this.stale_count += 1;
      return reject("stale", false);
    }
    if (frame.content?.text === "refuse me") return reject("not_allowed", false);
    return this.accept(session, frame, ids, now_ms, ack);
  }

  accept(session, frame, ids, now_ms, ack) {
    const log = this.log(frame.conversation);
    const ordinal = (log.at(-1)?.ordinal ?? 0) + 1;
    const base = { seq: log.length + 1, ordinal, at_ms: now_ms, user: session.user, device: session.device, id: frame.id };
    const event = made(frame, base);
    log.push(event);
    ids.set(frame.id, event);
    while (ids.size > this.remembered) {
      const [oldest] = [...ids.keys()].sort();
      ids.delete(oldest);
      this.evicted_ms.set(frame.conversation, oldest);
    }
    if (this.random() < this.missing_ratio) {
      const damaged = this.damaged.get(frame.conversation) ?? new Set();
      this.damaged.set(frame.conversation, damaged.add(event.seq));
      return; // its record cannot be read: nobody hears of it
    }
    for (const other of this.sessions) {
      if (other.user === null) continue;
      if (other.user === event.user && other.device === event.device) other.tell(ack(event));
      else if (other.catching.has(frame.conversation)) continue;
      else if (this.random() < this.give_up_ratio) {
        this.given_up += 1;
        other.tell({ type: "resync", conversation: frame.conversation, from_seq: event.seq });
      } else {
        other.written.set(frame.conversation, event.seq);
        other.tell({ type: "events", conversation: frame.conversation, events: [asSeen(event, other.user)] });
      }
    }
  }
}
