// What applications import.
export * from "./admin.js";
export { Client } from "./client.js";
export { Core, DEFAULT_RULES } from "./core.js";
export { ClientClosed, Overflow, Rejected, RequestFailed, RestError, SignedOut, StepUpNeeded, Unreachable, WarblerError } from "./errors.js";
export * from "./frames.js"; // its frame `Roster` is hidden by the class of that name, below
export { FriendCalls, Friends } from "./friends.js";
export * from "./groups.js";
export { Rest } from "./rest.js";
export { IdMaker, idMs } from "./ids.js";
export { Directory, isUnspoken, unreadOf } from "./directory.js";
export { canPasskey, createPasskey, getPasskey } from "./passkeys.js";
export * from "./people.js";
export * from "./push.js";
export { Roster } from "./roster.js";
export { MemoryStore, readJson } from "./storage.js";
export { Stream } from "./stream.js";
export { Timeline, foldMessage, messageOf } from "./timeline.js";
export { Tracker } from "./tracker.js";
export { Ways, isSignedIn } from "./ways.js";
