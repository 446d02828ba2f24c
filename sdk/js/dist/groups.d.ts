import type { NewCommand } from "./core.js";
import type { ConversationKind, FrameSettings, MessageItem, Permission, Role } from "./frames.js";
import { type Http } from "./http.js";
export interface GroupInfo {
    readonly conversation: string;
    readonly conversation_kind: ConversationKind;
    readonly title: string;
    readonly settings: Required<FrameSettings>;
    readonly settings_version: number;
    readonly members_count: number;
    /** The user's own; null: it is no member, and the group is public. */
    readonly role: Role | null;
    readonly muted_all_until_ms: number;
    readonly dissolved: boolean;
    /** What the user's role allows. */
    readonly permissions: readonly Permission[];
}
export interface PublicGroup {
    readonly conversation: string;
    readonly conversation_kind: "group" | "channel";
    readonly title: string;
    readonly settings: Required<FrameSettings>;
}
/** What every entry of a group's lists says. `key`: the user, role or link it is about. */
interface Entry {
    readonly key: string;
    readonly by: string;
    readonly at_ms: number;
}
export interface RoleItem extends Entry {
    readonly level: number;
    readonly permissions: readonly Permission[];
}
/** `until_ms` 0: for ever. */
export interface BanItem extends Entry {
    readonly until_ms: number;
    readonly reason: string;
}
export interface MuteItem extends Entry {
    readonly until_ms: number;
}
export interface LinkItem extends Entry {
    readonly expires_at_ms: number;
    readonly uses_limit: number;
    readonly approval: boolean;
}
/** `link_id`: the link it came by, or empty. */
export interface ApplicationItem extends Entry {
    readonly text: string;
    readonly link_id: string;
}
export interface InvitedItem extends Entry {
    readonly role: Role;
}
export interface Nickname {
    readonly user: string;
    readonly nickname: string;
}
export interface PushMode {
    readonly mode: "all" | "mentions" | "none";
    /** 0: for good. */
    readonly until_ms: number;
}
/** What is read, or is not the log's. Raises (all calls): RestError (not_member, not_allowed), Unreachable. */
export declare class GroupCalls {
    private readonly http;
    constructor(http: Http);
    /** Of a public group also to who is no member: what it is, and what is asked of who wants to join. */
    info(conversation: string): Promise<GroupInfo>;
    /** By the beginnings of the words of their titles; empty: all. */
    findPublic(q?: string, after?: string | null): Promise<{
        readonly conversations: readonly PublicGroup[];
        readonly next: string | null;
    }>;
    roles(conversation: string): Promise<RoleItem[]>;
    bans(conversation: string): Promise<BanItem[]>;
    mutes(conversation: string): Promise<MuteItem[]>;
    links(conversation: string): Promise<LinkItem[]>;
    applications(conversation: string): Promise<ApplicationItem[]>;
    invitations(conversation: string): Promise<InvitedItem[]>;
    /** Who read one says `Client.receipts`. */
    announcements(conversation: string, before_seq?: number | null): Promise<{
        readonly messages: readonly MessageItem[];
        readonly before_seq: number | null;
    }>;
    /** Empty: none any more. */
    setNickname(conversation: string, user: string, nickname: string): Promise<void>;
    /** Those of these users who have one. */
    nicknames(conversation: string, users: readonly string[]): Promise<readonly Nickname[]>;
    pushMode(conversation: string): Promise<PushMode>;
    setPushMode(conversation: string, mode: PushMode["mode"], until_ms?: number): Promise<PushMode>;
    /** A QR code as SVG. */
    qr(text: string): Promise<string>;
    private all;
}
/** What a link to join says. Its text is `<conversation>.<link>.<secret>`, none of which has a dot. */
export interface JoinLink {
    readonly conversation: string;
    readonly link_id: string;
    readonly secret: string;
}
export declare const linkText: (link: JoinLink) => string;
/** Null: it is none of ours. */
export declare function linkFrom(text: string): JoinLink | null;
/** 24 random bytes, as text: nobody guesses it. */
export declare const drawSecret: () => string;
type Command<T> = (frame: NewCommand) => Promise<T>;
/** The commands. Each resolves when it is committed. Raises: Rejected (not_allowed, muted, dissolved, …), ClientClosed. */
export declare class Groups<T extends {
    readonly id: string;
}> {
    private readonly command;
    private readonly secret;
    constructor(command: Command<T>, secret?: () => string);
    add(conversation: string, member: string, role?: Role): Promise<T>;
    remove(conversation: string, member: string): Promise<T>;
    leave(conversation: string): Promise<T>;
    rename(conversation: string, title: string): Promise<T>;
    /** Giving `owner` away hands the group over. */
    setRole(conversation: string, member: string, role: Role): Promise<T>;
    /** All settings at once. `expected_version` 0: whatever they are now; else refused as `stale_settings` where they are another's. */
    setSettings(conversation: string, settings: FrameSettings, expected_version?: number): Promise<T>;
    invite(conversation: string, member: string, role?: Role): Promise<T>;
    answerInvitation(conversation: string, accept: boolean): Promise<T>;
    /** Joins where everybody may, else applies. `text`: the answer to the group's question. */
    apply(conversation: string, text?: string): Promise<T>;
    answerApplication(conversation: string, member: string, accept: boolean, reason?: string): Promise<T>;
    /** A link that lets in who has it. 0: without end. `approval`: it only lets apply. */
    createLink(conversation: string, terms?: {
        expires_at_ms?: number;
        uses_limit?: number;
        approval?: boolean;
    }): Promise<JoinLink>;
    revokeLink(conversation: string, link_id: string): Promise<T>;
    joinByLink(link: JoinLink, text?: string): Promise<T>;
    /** Sends away and keeps away; 0: for ever. */
    ban(conversation: string, member: string, until_ms?: number, reason?: string): Promise<T>;
    unban(conversation: string, member: string): Promise<T>;
    /** 0: may speak again. */
    mute(conversation: string, member: string, until_ms: number): Promise<T>;
    /** All but who may speak when all are muted; 0: over. */
    muteAll(conversation: string, until_ms: number): Promise<T>;
    /** A role of this group, or what its `admin` and `member` may do. Levels 1 to 99. */
    defineRole(conversation: string, role: Role, level: number, permissions: readonly Permission[]): Promise<T>;
    /** Who has it becomes a member. */
    dropRole(conversation: string, role: Role): Promise<T>;
    /** For good: nobody does anything here any more. */
    dissolve(conversation: string): Promise<T>;
}
export {};
