// What applications import.

export * from "./admin.js";
export * from "./admin_retention.js";
export type { CallsEvents, CallsOptions, RequestOptions } from "./call_api.js";
export { CallCore, type Asked, type CallFrame } from "./call_core.js";
export { layout, type Layout, type Rect } from "./call_layout.js";
export type { InTrack, MakePeer, OutTrack } from "./call_link.js";
export { MEDIA_RULES, type Chosen, type Devices, type MediaPort, type MediaRules, type MediaTrouble, type TrackSource } from "./call_media.js";
export { Ordered } from "./call_order.js";
export type { CallEffect, CallEnd, CallPart, CallStopReason, Flow, LinkId, LiveCall } from "./call_state.js";
export { CALL_RULES, type CallRules } from "./call_rules.js";
export { QualityMeter, countedIn, gradeOf, type Counted, type Grade } from "./call_stats.js";
export { sceneOf, type OwnMedia, type Scene, type Screen, type Tile } from "./call_tiles.js";
export { Calls } from "./calls.js";
export { Client, type ClientEvents, type ClientOptions, type HeardEvent, type ReceiptsWanted, type Sent, type SendOptions, type Socket } from "./client.js";
export { Core, DEFAULT_RULES, type CoreRules, type Saved } from "./core.js";
export type { Acked, Effect, Refused, Source, StateChanged } from "./effects.js";
export { CallRejected, ClientClosed, Overflow, Rejected, RequestFailed, RestError, SignedOut, StepUpNeeded, Unreachable, WarblerError, type SignedOutWhy } from "./errors.js";
export * from "./frames.js"; // its frame `Roster` is hidden by the class of that name, below
export { CallLists, type CallPage, type CallPartyItem, type EndedCall } from "./call_lists.js";
export { FriendCalls, Friends, type Invitation, type Invitations, type RosterPage } from "./friends.js";
export * from "./groups.js";
export { Rest, type Committed, type GivenCommand, type Journey, type JourneyStep, type MemberItem, type Privacy, type User } from "./rest.js";
export { IdMaker, idMs } from "./ids.js";
export type { Pending } from "./outbox.js";
export type { Phase } from "./phases.js";
export { Directory, isUnspoken, unreadOf, type Listed } from "./directory.js";
export { canPasskey, createPasskey, getPasskey, type PasskeyOptions } from "./passkeys.js";
export * from "./people.js";
export * from "./push.js";
export { Roster, type SavedRoster } from "./roster.js";
export type { RosterHeard } from "./roster_keeper.js";
export { MemoryStore, readJson, type KeyValueStore } from "./storage.js";
export { Stream } from "./stream.js";
export { Timeline, foldMessage, messageOf } from "./timeline.js";
export { Tracker } from "./tracker.js";
export { Ways, isSignedIn, type ContactKind, type DeviceInfo, type Entry, type FactorKind, type FactorNeeded, type Methods, type Proof, type SignedIn } from "./ways.js";
export * from "./webhooks.js";
