// What applications import.
export { Client } from "./client.js";
export { Core, DEFAULT_RULES } from "./core.js";
export { ClientClosed, Overflow, Rejected, RequestFailed, RestError, SignedOut, Unreachable, WarblerError } from "./errors.js";
export * from "./frames.js";
export { Rest } from "./http.js";
export { IdMaker, idMs } from "./ids.js";
export { Directory, unreadOf } from "./directory.js";
export { MemoryStore, readJson } from "./storage.js";
export { Stream } from "./stream.js";
export { Timeline, foldMessage, messageOf } from "./timeline.js";
export { Tracker } from "./tracker.js";
