// The event that a command became: the edge answers its own device with an ack instead of the event. Pure.
// Null: what it became depends on the conversation's state, so it is read.

import type { Ack, CommandFrame, EventBase, EventItem } from "./frames.js";

export function eventOf(frame: CommandFrame, ack: Ack, user: string, device: string): EventItem | null {
  const base: EventBase = { seq: ack.seq, ordinal: ack.ordinal, at_ms: ack.at_ms, user, device, id: frame.id };
  switch (frame.type) {
    case "create_conversation": {
      const { conversation_kind } = frame;
      // the owner of the conversation is the actor; in a direct one both are members
      const self = { user, role: conversation_kind === "direct" ? ("member" as const) : ("owner" as const) };
      const members = [self, ...(frame.members ?? []).filter((member) => member.user !== user)];
      const settings = frame.settings == null ? {} : { settings: frame.settings };
      return { ...base, kind: "conversation_created", conversation_kind, title: frame.title ?? "", members, ...settings };
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
      const announced = frame.announcement ? { announcement: true } : {};
      const reply = frame.reply_to == null ? {} : { reply_to: frame.reply_to };
      return { ...base, kind: "message_sent", content: frame.content, mentions: frame.mentions ?? [], ...reply, ...announced };
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
    case "create_link": {
      const { expires_at_ms = 0, uses_limit = 0, approval = false } = frame;
      return { ...base, kind: "link_created", link_id: linkOf(frame.id), expires_at_ms, uses_limit, approval };
    }
    case "revoke_link":
      return { ...base, kind: "link_revoked", link_id: frame.link_id };
    case "ban_member":
      return { ...base, kind: "member_banned", member: frame.member, until_ms: frame.until_ms ?? 0, reason: frame.reason ?? "" };
    case "unban_member":
      return { ...base, kind: "member_unbanned", member: frame.member };
    case "mute_member":
      return { ...base, kind: "member_muted", member: frame.member, until_ms: frame.until_ms };
    case "mute_all":
      return { ...base, kind: "all_muted", until_ms: frame.until_ms };
    case "define_role":
      return { ...base, kind: "role_defined", role: frame.role, level: frame.level, permissions: frame.permissions ?? [] };
    case "drop_role":
      return { ...base, kind: "role_dropped", role: frame.role };
    case "change_nickname":
      return { ...base, kind: "nickname_changed", member: frame.member, nickname_id: frame.nickname_id };
    case "dissolve_conversation":
      return { ...base, kind: "conversation_dissolved" };
    case "change_settings":
    case "invite_member":
    case "answer_invitation":
    case "apply_to_join":
    case "answer_application":
    case "join_by_link":
    case "request_friend":
    case "answer_friend_request":
    case "remove_friend":
    case "block_user":
    case "unblock_user":
      return null;
  }
}

/** The id of the link that the command with this id makes. */
export const linkOf = (command_id: string): string => `k-${command_id.replaceAll("-", "")}`;
