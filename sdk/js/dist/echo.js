// The event that a command became: the edge answers its own device with an ack instead of the event. Pure.
export function eventOf(frame, ack, user, device) {
    const base = { seq: ack.seq, ordinal: ack.ordinal, at_ms: ack.at_ms, user, device, id: frame.id };
    switch (frame.type) {
        case "create_conversation": {
            const { conversation_kind } = frame;
            // the owner of the conversation is the actor; in a direct one both are members
            const self = { user, role: conversation_kind === "direct" ? "member" : "owner" };
            const members = [self, ...(frame.members ?? []).filter((member) => member.user !== user)];
            return { ...base, kind: "conversation_created", conversation_kind, title: frame.title ?? "", members };
        }
        case "add_member":
            return { ...base, kind: "member_added", member: frame.member, role: frame.role ?? "member" };
        case "leave_conversation":
            return { ...base, kind: "member_left" };
        case "remove_member":
            return { ...base, kind: "member_removed", member: frame.member };
        case "change_role":
            return { ...base, kind: "role_changed", member: frame.member, role: frame.role };
        case "rename_conversation":
            return { ...base, kind: "conversation_renamed", title: frame.title };
        case "send_message": {
            const reply = frame.reply_to == null ? {} : { reply_to: frame.reply_to };
            return { ...base, kind: "message_sent", content: frame.content, mentions: frame.mentions ?? [], ...reply };
        }
        case "edit_message":
            return { ...base, kind: "message_edited", target_seq: frame.target_seq, content: frame.content, mentions: frame.mentions ?? [] };
        case "recall_message":
            return { ...base, kind: "message_recalled", target_seq: frame.target_seq };
        case "add_reaction":
            return { ...base, kind: "reaction_added", target_seq: frame.target_seq, reaction: frame.reaction };
        case "remove_reaction":
            return { ...base, kind: "reaction_removed", target_seq: frame.target_seq, reaction: frame.reaction };
        case "mark_read":
            return { ...base, kind: "read_marked", up_to_seq: frame.up_to_seq, up_to_ordinal: frame.up_to_ordinal };
    }
}
