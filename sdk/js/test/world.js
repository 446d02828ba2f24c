// Devices with real cores over seeded links to a model edge, in virtual time. Every fault comes from the seed.

import { Core, DEFAULT_RULES } from "../dist/index.js";

/** Mulberry32: small, seeded, good enough for faults. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Device {
  constructor(world, user, name) {
    Object.assign(this, { world, user, name });
    this.core = this.newCore();
    this.heard = new Map(); // conversation -> events, as handed out
    this.missing = new Map();
    this.acked = [];
    this.refused = [];
    this.session = null;
    this.up = []; // on their way to the edge
    this.down = [];
    this.opening_at_ms = null;
    this.saved = this.core.snapshot();
  }

  newCore() {
    const rules = { ...DEFAULT_RULES, backoff: { base_ms: 50, cap_ms: 1000 }, commands_at_once: 6 };
    return new Core(this.user, this.name, "test", this.world.random, rules);
  }

  /** The process ends and starts again with what was saved; events heard since are heard again. */
  restart() {
    this.cut(false);
    const { positions } = this.saved;
    for (const [conversation, events] of this.heard) {
      const from = positions[conversation]?.[0] ?? Infinity;
      this.heard.set(conversation, events.filter((event) => event.seq < from));
    }
    this.core = this.newCore();
    this.core.restore(JSON.parse(JSON.stringify(this.saved)));
    this.run(this.core.start(this.world.now_ms));
  }

  run(effects) {
    for (const effect of effects) this.perform(effect);
  }

  perform(effect) {
    const { world } = this;
    switch (effect.kind) {
      case "open":
        this.opening_at_ms = world.now_ms + Math.floor(world.random() * 20);
        break;
      case "send":
        this.up.push({ at_ms: world.arrival(this.up), session: this.session, frame: JSON.parse(JSON.stringify(effect.frame)) });
        break;
      case "close":
        this.cut(false);
        break;
      case "save":
        this.saved = JSON.parse(JSON.stringify(this.core.snapshot()));
        break;
      case "event": {
        const events = this.heard.get(effect.conversation) ?? [];
        this.heard.set(effect.conversation, events);
        events.push(effect.event);
        break;
      }
      case "missing": {
        const seqs = this.missing.get(effect.conversation) ?? new Set();
        this.missing.set(effect.conversation, seqs);
        for (const seq of effect.seqs) seqs.add(seq);
        break;
      }
      case "acked":
        this.acked.push(effect);
        break;
      case "refused":
        this.refused.push(effect);
        break;
      default:
        break;
    }
  }

  /** The connection is gone. What the device sent may have arrived (`flushed`) or not; what the edge sent is lost. */
  cut(tell_core = true) {
    const { world, session } = this;
    this.opening_at_ms = null;
    if (session === null) return;
    const arrives = Math.floor(world.random() * (this.up.length + 1));
    for (const { frame } of this.up.splice(0, arrives)) world.edge.frame(session, frame, world.now_ms);
    world.edge.disconnect(session);
    this.session = null;
    this.up = [];
    this.down = [];
    if (tell_core) this.run(this.core.closed(1006, world.now_ms));
  }

  opened() {
    this.opening_at_ms = null;
    const { world } = this;
    const session = world.edge.connect((frame) => {
      this.down.push({ at_ms: world.arrival(this.down), session, frame: JSON.parse(JSON.stringify(frame)) });
    });
    this.session = session;
    this.run(this.core.opened(this.user, world.now_ms));
  }

  nextMs() {
    return Math.min(this.core.nextMs(), this.up[0]?.at_ms ?? Infinity, this.down[0]?.at_ms ?? Infinity, this.opening_at_ms ?? Infinity);
  }

  step() {
    const { world } = this;
    if (this.opening_at_ms !== null && this.opening_at_ms <= world.now_ms) this.opened();
    while (this.up[0] !== undefined && this.up[0].at_ms <= world.now_ms) {
      const { session, frame } = this.up.shift();
      world.edge.frame(session, frame, world.now_ms);
    }
    while (this.down[0] !== undefined && this.down[0].at_ms <= world.now_ms) {
      const { session, frame } = this.down.shift();
      if (session === this.session) this.run(this.core.frame(frame, world.now_ms));
    }
    if (this.core.nextMs() <= world.now_ms) this.run(this.core.tick(world.now_ms));
  }
}

export class World {
  constructor(random, edge, start_ms = 1_700_000_000_000) {
    Object.assign(this, { random, edge, now_ms: start_ms });
    this.devices = [];
  }

  add(user, name) {
    const device = new Device(this, user, name);
    this.devices.push(device);
    device.run(device.core.start(this.now_ms));
    return device;
  }

  /** A link keeps the order of what it carries. */
  arrival(queue) {
    return Math.max(queue.at(-1)?.at_ms ?? 0, this.now_ms + Math.floor(this.random() * 15));
  }

  runUntil(end_ms) {
    for (let steps = 0; ; steps += 1) {
      if (steps > 200_000) throw new Error("the world does not come to rest");
      const next = Math.min(...this.devices.map((device) => device.nextMs()));
      if (next > end_ms) break;
      this.now_ms = Math.max(this.now_ms, next);
      for (const device of this.devices) device.step();
    }
    this.now_ms = Math.max(this.now_ms, end_ms);
  }
}
