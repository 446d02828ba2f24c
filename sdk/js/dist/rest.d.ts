import { CallLists } from "./call_lists.js";
import type { CommandFrame, ConversationKind, FrameMember, FrameSettings, Role } from "./frames.js";
import { FriendCalls } from "./friends.js";
import { GroupCalls } from "./groups.js";
import { Http } from "./http.js";
import { People } from "./people.js";
import { PushCalls } from "./push.js";
import type { SignedIn } from "./ways.js";
export interface User {
    readonly user: string;
    readonly name: string;
}
export interface MemberItem {
    readonly user: string;
    readonly role: Role;
    readonly joined_seq: number;
    readonly read_seq: number;
    readonly read_ordinal: number;
    readonly nickname?: string | null;
    /** 0: not muted. */
    readonly muted_until_ms?: number;
}
/** What others may see of the user, and ask of it. `contacts`: who shares a direct conversation with it. */
export interface Privacy {
    readonly receipts: boolean;
    readonly presence: "everyone" | "contacts" | "friends" | "nobody";
    /** Who may write without being a friend. */
    readonly strangers: "everyone" | "friends";
    readonly friend_requests: "everyone" | "question" | "nobody";
    readonly friend_question: string;
    /** Whether a search by others finds the user. */
    readonly searchable: boolean;
}
/** `at_ms` null: not known or not yet, `why` says it in words. `by_then`: it had happened at `at_ms`, perhaps earlier. */
export interface JourneyStep {
    readonly step: "received" | "accepted" | "committed" | "projected" | "fanned_out" | "pushed" | "delivered" | "read" | "played";
    readonly at_ms: number | null;
    readonly by_then: boolean;
    readonly node: string | null;
    readonly user: string | null;
    readonly device: string | null;
    readonly why: string | null;
    /** Of a push: through which push channel. */
    readonly channel: string | null;
    /** What became of a push; null: it was asked for. */
    readonly outcome: "accepted" | "rejected" | "invalidated" | "expired" | "suppressed" | "withdrawn" | "retrying" | "received" | null;
}
/** Shape: `steps` in the order of the path, then by user and time. */
export interface Journey {
    readonly conversation: string;
    readonly seq: number;
    readonly user: string;
    readonly device: string;
    readonly members: number;
    readonly members_more: boolean;
    readonly steps: readonly JourneyStep[];
    readonly notes: readonly string[];
}
/** A command's frame without what the address says; its `id` is optional. */
export type GivenCommand = {
    readonly type: CommandFrame["type"];
    readonly id?: string;
} & Readonly<Record<string, unknown>>;
/** The event that a command became. `seq` 0: taken, and no event came of it. */
export interface Committed {
    readonly conversation: string;
    readonly seq: number;
    readonly at_ms: number;
}
export declare const USERS_AT_ONCE = 100;
/** What needs no session: names, lists, and everything about people. */
export declare class Rest extends Http {
    readonly people: People;
    readonly friends: FriendCalls;
    readonly groups: GroupCalls;
    readonly push: PushCalls;
    readonly calls: CallLists;
    refresh(refresh_token: string): Promise<SignedIn>;
    logout(refresh_token: string): Promise<void>;
    /** Unknown ids are not in the answer. */
    users(ids: readonly string[]): Promise<User[]>;
    userByName(name: string): Promise<User>;
    /** The same `command_id` makes a retry harmless. */
    createConversation(body: {
        readonly conversation_kind: ConversationKind;
        readonly title: string;
        readonly members: readonly FrameMember[];
        readonly settings?: FrameSettings;
        readonly command_id?: string;
    }): Promise<{
        readonly conversation: string;
        readonly seq: number;
    }>;
    /** Any command without a session: of a conversation, or (`user`) about a friend. The same `id` makes a retry harmless. */
    give(about: {
        readonly conversation: string;
    } | {
        readonly user: string;
    }, command: GivenCommand): Promise<Committed>;
    /** All members, by as many pages as it takes. */
    members(conversation: string): Promise<MemberItem[]>;
    privacy(): Promise<Privacy>;
    /** What is not given stays as it is. */
    setPrivacy(privacy: Partial<Privacy>): Promise<Privacy>;
    /** Where a message was and when, down to each member's devices. */
    journey(conversation: string, seq: number): Promise<Journey>;
}
