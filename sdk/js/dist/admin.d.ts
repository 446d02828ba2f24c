import { AdminRetention } from "./admin_retention.js";
import type { NewCommand } from "./core.js";
import { type Fetch } from "./http.js";
import type { Factor, Identifier, Profile, SignInItem } from "./people.js";
import type { PushResultItem, PushState } from "./push.js";
import { AdminWebhooks } from "./webhooks.js";
export type UserState = "active" | "frozen" | "deactivated" | "deleted";
export interface MintedToken {
    readonly access_token: string;
    readonly access_expires_at_ms: number;
}
export interface MintedUser extends MintedToken {
    readonly user: string;
    readonly name: string;
}
export interface ListedUser {
    readonly user: string;
    readonly name: string;
    readonly display_name: string;
    readonly user_kind: "person" | "bot" | "service";
    readonly state: UserState;
}
/** `reason`, `changed_at_ms`, `changed_by`: of its state. `role`, `level`: in the tenant. */
export interface UserDetail extends ListedUser {
    readonly reason: string;
    readonly changed_at_ms: number;
    readonly changed_by: string;
    readonly role: string;
    readonly level: number;
    readonly identifiers: readonly Identifier[];
    readonly password: boolean;
    readonly profile: Profile;
}
export interface TenantRole {
    readonly role: string;
    readonly level: number;
    readonly permissions: readonly string[];
    readonly built_in: boolean;
}
/** `permissions`: all there are, each with what it allows. */
export interface TenantRoles {
    readonly roles: readonly TenantRole[];
    readonly holders: readonly {
        readonly user: string;
        readonly role: string;
    }[];
    readonly permissions: Readonly<Record<string, string>>;
}
export interface ApiKey {
    readonly id: string;
    readonly name: string;
    readonly scopes: readonly string[];
    readonly maker: string;
    readonly made_at_ms: number;
    readonly expires_at_ms: number;
    readonly revoked_at_ms: number;
    readonly used_at_ms: number;
}
/** Whether it was allowed, and why: `by_seq` is the event that made it so, of the conversation as of `at_seq`. */
export interface Decision {
    readonly allowed: boolean;
    readonly code: string;
    readonly detail: string;
    readonly by_seq: number;
    readonly at_seq: number;
    readonly since_ms: number;
    readonly by_time: boolean;
}
export type PushAudience = "all" | "tags" | "alias" | "users";
/** A push to an audience. Times of what did not happen are 0. `users`: for how many it was asked for, once it is finished. */
export interface Push {
    readonly campaign: string;
    readonly state: "scheduled" | "running" | "finished" | "cancelled" | "expired";
    readonly audience: PushAudience;
    readonly audience_of: readonly string[];
    readonly title: string;
    readonly body: string;
    readonly data: Readonly<Record<string, unknown>>;
    readonly made_at_ms: number;
    readonly send_at_ms: number;
    readonly deadline_ms: number;
    readonly by: string;
    readonly started_at_ms: number;
    readonly finished_at_ms: number;
    readonly cancelled_at_ms: number;
    readonly cancelled_by: string;
    readonly users: number;
}
/** `channel`: the push channel; empty where none was chosen. */
export interface PushCount {
    readonly channel: string;
    readonly state: PushState;
    readonly reason: string;
    readonly count: number;
}
export interface PushDetail extends Push {
    readonly states: Readonly<Record<string, number>>;
    readonly counts: readonly PushCount[];
}
/** `latencies`: within how many milliseconds half, and 99 of 100 answers came; null: later than 30 s. */
export interface PushStats {
    readonly since_ms: number;
    readonly states: Readonly<Record<string, number>>;
    readonly counts: readonly PushCount[];
    readonly latencies: readonly {
        readonly channel: string;
        readonly answers: number;
        readonly p50_ms: number | null;
        readonly p99_ms: number | null;
    }[];
}
/** As an administrator sees it. `send_key`: of one send, the same in every try. */
export interface AdminPushResult extends PushResultItem {
    readonly user: string;
    readonly token_id: string;
    readonly send_key: string;
    readonly vendor_status: number;
    readonly vendor_code: string;
    readonly latency_ms: number;
}
/** `campaign`: an id of yours, a UUIDv7: asked again, it is the same push. */
export interface NewPush {
    readonly audience: PushAudience;
    readonly audience_of?: readonly string[];
    readonly title: string;
    readonly body?: string;
    readonly data?: Readonly<Record<string, unknown>>;
    readonly send_at_ms?: number;
    readonly ttl_ms?: number;
    readonly campaign?: string;
}
type Omitted<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** Raises (all calls): RestError (403 where the key or role does not reach so far), Unreachable. Every call stands in the log. */
export declare class Admin {
    readonly hooks: AdminWebhooks;
    /** How long content is kept, and legal holds. */
    readonly retention: AdminRetention;
    private readonly http;
    /** `key`: an API key, the node's admin key, or the access token of a user with a tenant role. */
    constructor(url: string, key: string | (() => Promise<string>), call?: Fetch);
    /** Users without a password, each with a token; a name that exists gives its user. Shape: at most 1,000 names. */
    makeUsers(names: readonly string[]): Promise<readonly MintedUser[]>;
    /** A user that never signs in; its tokens come from `mintToken`. */
    makeBot(name: string, kind?: "bot" | "service"): Promise<{
        readonly user: string;
        readonly name: string;
    }>;
    users(q?: string | null, state?: UserState | null, after?: string | null): Promise<{
        readonly users: readonly ListedUser[];
        readonly next: string | null;
    }>;
    user(user: string): Promise<UserDetail>;
    changeUser(user: string, change: Partial<Profile>): Promise<Profile>;
    /** Closes its sessions everywhere. `reason` stays in the log: nothing personal. */
    freeze(user: string, reason?: string): Promise<void>;
    unfreeze(user: string, reason?: string): Promise<void>;
    /** A user that deactivated itself is there again. */
    restore(user: string, reason?: string): Promise<void>;
    /** For good: what is personal is gone. */
    deleteUser(user: string): Promise<void>;
    mintToken(user: string, ttl_ms?: number): Promise<MintedToken>;
    revokeToken(access_token: string): Promise<void>;
    signIns(user: string): Promise<readonly SignInItem[]>;
    endSignIn(user: string, sign_in: string): Promise<void>;
    endSignIns(user: string): Promise<number>;
    factors(user: string): Promise<{
        readonly factors: readonly Factor[];
        readonly recovery_codes_left: number;
    }>;
    removeFactor(user: string, factor: string): Promise<void>;
    roles(): Promise<TenantRoles>;
    /** Only below one's own level, and only with one's own permissions. */
    defineRole(role: string, level: number, permissions: readonly string[]): Promise<void>;
    dropRole(role: string): Promise<void>;
    giveRole(user: string, role: string): Promise<void>;
    /** `key` is shown now and never again. */
    makeKey(name: string, scopes: readonly string[], ttl_ms?: number): Promise<{
        readonly id: string;
        readonly key: string;
        readonly expires_at_ms: number;
    }>;
    keys(): Promise<readonly ApiKey[]>;
    revokeKey(key: string): Promise<void>;
    policies(): Promise<Readonly<Record<string, Readonly<Record<string, unknown>>>>>;
    /** What is not given has its default. */
    setPolicy(policy: string, value: Readonly<Record<string, unknown>>): Promise<void>;
    /** What administrators did, from the log. */
    events(after?: string | null): Promise<{
        readonly events: readonly Readonly<Record<string, unknown>>[];
        readonly next: string | null;
    }>;
    /** Could the user do this there and then, and by which event. */
    could(user: string, action: string, conversation: string, at_ms?: number | null): Promise<Decision>;
    conversation(conversation: string): Promise<Readonly<Record<string, unknown>>>;
    /** Gives a command as one of the conversation's members. */
    command(conversation: string, as_user: string, command: Omitted<NewCommand, "conversation">): Promise<{
        readonly seq: number;
        readonly at_ms: number;
    }>;
    /** To everybody with a token, who has one of the tags, an alias, or these users; now, or from `send_at_ms` on. */
    sendPush(push: NewPush): Promise<Push>;
    /** The newest first. */
    pushes(after?: string | null): Promise<{
        readonly pushes: readonly Push[];
        readonly next: string | null;
    }>;
    /** How far it is, and what became of it. */
    push(campaign: string): Promise<PushDetail>;
    /** What was not sent yet is not sent. */
    cancelPush(campaign: string): Promise<void>;
    pushStats(hours?: number): Promise<PushStats>;
    /** The last ones, the newest first. */
    pushResults(user?: string | null, state?: PushState | null, channel?: string | null): Promise<readonly AdminPushResult[]>;
    /** What the user is called by for audiences, in the place of what it was. */
    labelForPushes(user: string, tags?: readonly string[], alias?: string): Promise<void>;
}
export {};
