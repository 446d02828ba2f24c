import type { EventItem, MessageItem } from "./frames.js";
/** One message after an event about it. Once recalled, nothing changes it any more. */
export declare function foldMessage(message: MessageItem, event: EventItem): MessageItem;
export declare function messageOf(event: Extract<EventItem, {
    kind: "message_sent";
}>): MessageItem;
export declare class Timeline {
    private readonly by_seq;
    private order;
    /** What to ask of history next; null: the beginning is here; undefined: nothing was asked yet. */
    before_seq: number | null | undefined;
    /** Shape: ascending by seq. */
    get messages(): readonly MessageItem[];
    get(seq: number): MessageItem | undefined;
    /** Lays an event over; the seq of the message that is new or changed, or null. */
    apply(event: EventItem): number | null;
    /** Takes a page of history, which says how its messages stand now. */
    page(messages: readonly MessageItem[], before_seq: number | null, older: boolean): void;
    private put;
}
