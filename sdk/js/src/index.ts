// What applications import.

export { Client, type ClientEvents, type ClientOptions, type HeardEvent, type ReceiptsWanted, type Sent, type SendOptions, type Socket } from "./client.js";
export { Core, DEFAULT_RULES, type CoreRules, type Saved } from "./core.js";
export type { Acked, Effect, Refused, Source, StateChanged } from "./effects.js";
export { ClientClosed, Overflow, Rejected, RequestFailed, RestError, SignedOut, Unreachable, WarblerError } from "./errors.js";
export * from "./frames.js";
export { Rest, type Journey, type JourneyStep, type MemberItem, type Privacy, type SignedIn, type User } from "./http.js";
export { IdMaker, idMs } from "./ids.js";
export type { Pending } from "./outbox.js";
export type { Phase } from "./phases.js";
export { Directory, unreadOf, type Listed } from "./directory.js";
export { MemoryStore, readJson, type KeyValueStore } from "./storage.js";
export { Stream } from "./stream.js";
export { Timeline, foldMessage, messageOf } from "./timeline.js";
export { Tracker } from "./tracker.js";
