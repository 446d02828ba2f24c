import type { ConversationKind, DirectoryEntry, EventItem, MessageItem, Receipt, Role } from "./frames.js";
export interface Listed {
    readonly conversation: string;
    readonly conversation_kind: ConversationKind;
    readonly title: string;
    readonly role: Role;
    /** The other user of a direct conversation. */
    readonly peer: string | null;
    readonly head_seq: number;
    readonly head_ordinal: number;
    readonly read_ordinal: number;
    readonly active_at_ms: number;
    /** Kept for later by the user. */
    readonly marked_unread: boolean;
    readonly last: MessageItem | null;
    /** False: joined by an event that does not tell kind and title; a page of the directory will. */
    readonly complete: boolean;
}
/** Two users who never wrote to each other: there only for what they are to each other, and no part of a list of conversations. */
export declare const isUnspoken: (listed: Listed) => boolean;
export declare const unreadOf: (listed: Listed) => number;
export declare class Directory {
    readonly user: string;
    readonly conversations: Map<string, Listed>;
    constructor(user: string);
    /** Shape: by last activity, newest first. */
    sorted(): Listed[];
    directory(entries: readonly DirectoryEntry[]): void;
    apply(conversation: string, event: EventItem): void;
    /** What a device of the own user said of a conversation. */
    receipt(frame: Receipt): void;
    private opened;
    /** Null: the user is no member any more. */
    private fold;
}
