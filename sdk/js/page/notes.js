// What a change of a conversation reads like, in plain words. Pure.

import { entryOf } from "./call_words.js";
import { untilOf } from "./format.js";

/**
 * The line for an event; "" for one that has none, like another member's own matter.
 *
 * @param {any} event
 * @param {string} me
 * @param {(user: string) => string} nameOf
 */
export function noteOf(event, me, nameOf) {
  const who = event.user === me ? "You" : nameOf(event.user);
  const whom = event.member === undefined ? "" : event.member === me ? "you" : nameOf(event.member);
  const until = event.until_ms > 0 ? ` ${untilOf(event.until_ms, event.at_ms)}` : "";
  switch (event.kind) {
    case "conversation_created":
      return event.conversation_kind === "direct" ? "" : `${who} created “${event.title || "the group"}”`;
    case "member_added":
      return joined(event, who, whom);
    case "member_removed":
      return `${who} removed ${whom}`;
    case "member_left":
      return `${who} left`;
    case "conversation_renamed":
      return `${who} renamed this to “${event.title}”`;
    case "role_changed":
      return event.role === "owner" ? `${who} handed the group over to ${whom}` : `${who} made ${whom} ${event.role}`;
    case "settings_changed":
      return `${who} changed the settings`;
    case "member_invited":
      return `${who} invited ${whom}`;
    case "invitation_declined":
      return `${who} declined the invitation`;
    case "application_made":
      return `${who} asked to join`;
    case "application_declined":
      return `${who} declined to let ${whom} in`;
    case "link_created":
      return `${who} made a link to join`;
    case "link_revoked":
      return `${who} revoked a link to join`;
    case "member_banned":
      return `${who} banned ${whom}${until}${event.reason ? `: ${event.reason}` : ""}`;
    case "member_unbanned":
      return `${who} lifted the ban of ${whom}`;
    case "member_muted":
      return until === "" ? `${who} let ${whom} speak again` : `${who} muted ${whom}${until}`;
    case "all_muted":
      return until === "" ? `${who} let everybody speak again` : `${who} muted everybody${until}`;
    case "role_defined":
      return `${who} changed what “${event.role}” may do`;
    case "role_dropped":
      return `${who} dropped the role “${event.role}”`;
    case "nickname_changed":
      return event.user === event.member ? `${who} took another name here` : `${who} gave ${whom} another name here`;
    case "call_noted":
      return entryOf(event, me, nameOf).text;
    case "conversation_dissolved":
      return `${who} dissolved the group`;
    default:
      return ofFriends(event, event.user === me, who, whom);
  }
}

/** @param {any} event @param {string} who @param {string} whom */
function joined(event, who, whom) {
  if (event.user !== event.member) return event.via === "application" ? `${who} let ${whom} in` : `${who} added ${whom}`;
  if (event.via === "invitation") return `${who} accepted the invitation`;
  return event.via && event.via !== "open" ? `${who} joined by a link` : `${who} joined`;
}

/** @param {any} event @param {boolean} mine @param {string} who @param {string} whom */
function ofFriends(event, mine, who, whom) {
  const text = event.text ? `: “${event.text}”` : "";
  switch (event.kind) {
    case "friend_requested":
      return mine ? `You asked ${whom} to be friends${text}` : `${who} asks to be friends${text}`;
    case "friend_accepted":
      return "You are friends now";
    case "friend_declined":
      return mine ? `You declined the request${text}` : `${who} declined the request${text}`;
    case "friend_removed":
      return mine ? `You removed ${whom} from your friends` : "You are no longer friends";
    case "user_blocked":
      return mine ? `You blocked ${whom}` : "";
    case "user_unblocked":
      return mine ? `You unblocked ${whom}` : "";
    default:
      return "";
  }
}
