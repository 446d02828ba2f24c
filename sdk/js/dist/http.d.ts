import type { ConversationKind, FrameMember, Role } from "./frames.js";
export interface SignedIn {
    readonly user: string;
    readonly name: string;
    readonly access_token: string;
    readonly access_expires_at_ms: number;
    /** Absent for a token that an administrator minted. */
    readonly refresh_token?: string;
}
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
}
/** What others may see of the user. `contacts`: who shares a direct conversation with it. */
export interface Privacy {
    readonly receipts: boolean;
    readonly presence: "everyone" | "contacts" | "nobody";
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
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
export declare const USERS_AT_ONCE = 100;
export declare class Rest {
    private readonly base;
    private readonly fetch;
    private readonly token;
    /** `token`: gives a good access token, for the calls that need one. Raises (all calls): RestError, Unreachable. */
    constructor(base: () => string, fetch: Fetch, token: () => Promise<string>);
    register(name: string, password: string): Promise<SignedIn>;
    login(name: string, password: string): Promise<SignedIn>;
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
        readonly command_id?: string;
    }): Promise<{
        readonly conversation: string;
        readonly seq: number;
    }>;
    /** All members, by as many pages as it takes. */
    members(conversation: string): Promise<MemberItem[]>;
    privacy(): Promise<Privacy>;
    setPrivacy(privacy: Privacy): Promise<Privacy>;
    /** Where a message was and when, down to each member's devices. */
    journey(conversation: string, seq: number): Promise<Journey>;
    private call;
}
