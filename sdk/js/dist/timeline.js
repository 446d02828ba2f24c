// The messages of one conversation as they stand now: pages of history with events laid over. Pure.
/** One message after an event about it. Once recalled, nothing changes it any more. */
export function foldMessage(message, event) {
    if (message.recalled || !("target_seq" in event) || event.target_seq !== message.seq)
        return message;
    switch (event.kind) {
        case "message_edited":
            return { ...message, content: event.content, mentions: event.mentions ?? [], edited_at_ms: event.at_ms };
        case "message_recalled": {
            const { content: _content, ...rest } = message;
            return { ...rest, mentions: [], recalled: true, reactions: {} };
        }
        case "reaction_added":
            return { ...message, reactions: withReaction(message.reactions ?? {}, event.reaction, event.user) };
        case "reaction_removed":
            return { ...message, reactions: withoutReaction(message.reactions ?? {}, event.reaction, event.user) };
    }
}
function withReaction(reactions, reaction, user) {
    return { ...reactions, [reaction]: [...new Set([...(reactions[reaction] ?? []), user])].sort() };
}
function withoutReaction(reactions, reaction, user) {
    const { [reaction]: users = [], ...rest } = reactions;
    const left = users.filter((other) => other !== user);
    return left.length > 0 ? { ...rest, [reaction]: left } : rest;
}
export function messageOf(event) {
    const { seq, ordinal, at_ms, user, id, content, mentions } = event;
    const announcement = event.announcement ?? false;
    const message = { seq, ordinal, at_ms, user, id, content, mentions: mentions ?? [], ...(announcement ? { announcement } : {}) };
    return event.reply_to === undefined ? message : { ...message, reply_to: event.reply_to };
}
export class Timeline {
    by_seq = new Map();
    order = [];
    /** What to ask of history next; null: the beginning is here; undefined: nothing was asked yet. */
    before_seq = undefined;
    /** Shape: ascending by seq. */
    get messages() {
        return this.order.map((seq) => this.by_seq.get(seq));
    }
    get(seq) {
        return this.by_seq.get(seq);
    }
    /** Lays an event over; the seq of the message that is new or changed, or null. */
    apply(event) {
        if (event.kind === "message_sent") {
            if (this.by_seq.has(event.seq))
                return null; // history brought it, with what happened to it since
            this.put(messageOf(event));
            return event.seq;
        }
        if (!("target_seq" in event))
            return null;
        const message = this.by_seq.get(event.target_seq);
        if (message === undefined)
            return null;
        const folded = foldMessage(message, event);
        if (folded === message)
            return null;
        this.by_seq.set(folded.seq, folded);
        return folded.seq;
    }
    /** Takes a page of history, which says how its messages stand now. */
    page(messages, before_seq, older) {
        for (const message of messages)
            this.put(message);
        if (older || this.before_seq === undefined)
            this.before_seq = before_seq;
    }
    put(message) {
        const known = this.by_seq.has(message.seq);
        this.by_seq.set(message.seq, message);
        if (known)
            return;
        const newest = this.order.at(-1) ?? 0;
        this.order.push(message.seq);
        if (message.seq < newest)
            this.order.sort((a, b) => a - b);
    }
}
