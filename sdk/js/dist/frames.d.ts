export declare const SUBPROTOCOL_JSON = "warbler.v1+json";
export type Role = string;
export type ConversationKind = "direct" | "group" | "channel";
export type Permission = "send" | "announce" | "add" | "invite" | "review" | "remove" | "ban" | "mute" | "speak_muted" | "settings" | "rename" | "links" | "recall" | "nicknames" | "appoint" | "roles" | "dissolve";
export type Relation = "none" | "requested" | "asked" | "friends";
export type EventKind = "conversation_created" | "member_added" | "member_left" | "member_removed" | "role_changed" | "conversation_renamed" | "message_sent" | "message_edited" | "message_recalled" | "reaction_added" | "reaction_removed" | "read_marked" | "settings_changed" | "member_invited" | "invitation_declined" | "application_made" | "application_declined" | "link_created" | "link_revoked" | "member_banned" | "member_unbanned" | "member_muted" | "all_muted" | "role_defined" | "role_dropped" | "nickname_changed" | "conversation_dissolved" | "friend_requested" | "friend_accepted" | "friend_declined" | "friend_removed" | "user_blocked" | "user_unblocked" | "call_noted" | "hidden";
/** What every event carries. `id` is the id of the command that caused it. */
export interface EventBase {
    readonly seq: number;
    readonly ordinal: number;
    readonly at_ms: number;
    readonly user: string;
    readonly device: string;
    readonly id: string;
}
export interface ConversationCreated extends EventBase {
    readonly kind: "conversation_created";
    readonly conversation_kind: ConversationKind;
    readonly title: string;
    readonly members?: readonly FrameMember[];
    readonly settings?: FrameSettings;
}
/** `via`: how it came about: empty (added), `invitation`, `application`, `open`, or the id of a link. */
export interface MemberAdded extends EventBase {
    readonly kind: "member_added";
    readonly member: string;
    readonly role: string;
    readonly via?: string;
}
/** The actor left by itself. */
export interface MemberLeft extends EventBase {
    readonly kind: "member_left";
}
export interface MemberRemoved extends EventBase {
    readonly kind: "member_removed";
    readonly member: string;
}
export interface RoleChanged extends EventBase {
    readonly kind: "role_changed";
    readonly member: string;
    readonly role: string;
}
export interface ConversationRenamed extends EventBase {
    readonly kind: "conversation_renamed";
    readonly title: string;
}
/** The countable one: it raises `ordinal`. */
export interface MessageSent extends EventBase {
    readonly kind: "message_sent";
    readonly content: DeviceContent;
    readonly reply_to?: number;
    readonly mentions?: readonly string[];
    readonly announcement?: boolean;
}
export interface MessageEdited extends EventBase {
    readonly kind: "message_edited";
    readonly target_seq: number;
    readonly content: DeviceContent;
    readonly mentions?: readonly string[];
}
export interface MessageRecalled extends EventBase {
    readonly kind: "message_recalled";
    readonly target_seq: number;
}
export interface ReactionAdded extends EventBase {
    readonly kind: "reaction_added";
    readonly target_seq: number;
    readonly reaction: string;
}
export interface ReactionRemoved extends EventBase {
    readonly kind: "reaction_removed";
    readonly target_seq: number;
    readonly reaction: string;
}
/** The actor has read everything up to `up_to_seq`, which holds `up_to_ordinal` messages: unread = head ordinal - up_to_ordinal. */
export interface ReadMarked extends EventBase {
    readonly kind: "read_marked";
    readonly up_to_seq: number;
    readonly up_to_ordinal: number;
}
/** `settings_version` counts the changes from 1. */
export interface SettingsChanged extends EventBase {
    readonly kind: "settings_changed";
    readonly settings: FrameSettings;
    readonly settings_version: number;
}
export interface MemberInvited extends EventBase {
    readonly kind: "member_invited";
    readonly member: string;
    readonly role: string;
}
/** By the one who was invited. */
export interface InvitationDeclined extends EventBase {
    readonly kind: "invitation_declined";
}
/** By the one who wants to join; `link_id`: the link it came by, or empty. */
export interface ApplicationMade extends EventBase {
    readonly kind: "application_made";
    readonly text: string;
    readonly link_id: string;
}
export interface ApplicationDeclined extends EventBase {
    readonly kind: "application_declined";
    readonly member: string;
    readonly reason: string;
}
/** As `CreateLink`. */
export interface LinkCreated extends EventBase {
    readonly kind: "link_created";
    readonly link_id: string;
    readonly expires_at_ms: number;
    readonly uses_limit: number;
    readonly approval: boolean;
}
export interface LinkRevoked extends EventBase {
    readonly kind: "link_revoked";
    readonly link_id: string;
}
/** Whether it was a member or not; from now on it is none. */
export interface MemberBanned extends EventBase {
    readonly kind: "member_banned";
    readonly member: string;
    readonly until_ms: number;
    readonly reason: string;
}
export interface MemberUnbanned extends EventBase {
    readonly kind: "member_unbanned";
    readonly member: string;
}
export interface MemberMuted extends EventBase {
    readonly kind: "member_muted";
    readonly member: string;
    readonly until_ms: number;
}
export interface AllMuted extends EventBase {
    readonly kind: "all_muted";
    readonly until_ms: number;
}
export interface RoleDefined extends EventBase {
    readonly kind: "role_defined";
    readonly role: string;
    readonly level: number;
    readonly permissions: readonly Permission[];
}
/** Who had it is a member now. */
export interface RoleDropped extends EventBase {
    readonly kind: "role_dropped";
    readonly role: string;
}
export interface NicknameChanged extends EventBase {
    readonly kind: "nickname_changed";
    readonly member: string;
    readonly nickname_id: string;
}
/** Nobody may do anything any more; members may still read it. */
export interface ConversationDissolved extends EventBase {
    readonly kind: "conversation_dissolved";
}
/** `member`: the other of the two, in this and all that follow. */
export interface FriendRequested extends EventBase {
    readonly kind: "friend_requested";
    readonly member: string;
    readonly text: string;
}
export interface FriendAccepted extends EventBase {
    readonly kind: "friend_accepted";
    readonly member: string;
    readonly text: string;
}
/** `member`: who had asked. */
export interface FriendDeclined extends EventBase {
    readonly kind: "friend_declined";
    readonly member: string;
    readonly text: string;
}
/** The actor ended the friendship, or took its own request back. `refuse_strangers`: who of the two takes no messages from strangers. */
export interface FriendRemoved extends EventBase {
    readonly kind: "friend_removed";
    readonly member: string;
}
/** Only the actor's own devices see it: to the other user it is `hidden`. */
export interface UserBlocked extends EventBase {
    readonly kind: "user_blocked";
    readonly member: string;
}
/** As `UserBlocked`. */
export interface UserUnblocked extends EventBase {
    readonly kind: "user_unblocked";
    readonly member: string;
}
/** A call has ended; the actor is who called. It raises `ordinal`, for everybody, if somebody missed it.
 *
 * `call_seq`: of its record among the events of the conversation's calls. `duration_ms`: from the first media after an answer on.
 * `missed_by`: for whom it was rung in vain.
 */
export interface CallNoted extends EventBase {
    readonly kind: "call_noted";
    readonly call_id: string;
    readonly call_kind: "one_to_one" | "group";
    readonly media: "audio" | "video";
    readonly outcome: "missed" | "rejected" | "busy" | "ended" | "failed";
    readonly duration_ms: number;
    readonly missed_by: readonly string[];
}
/** Another member's own matter: it only takes its seq. */
export interface HiddenEvent extends EventBase {
    readonly kind: "hidden";
}
export type EventItem = ConversationCreated | MemberAdded | MemberLeft | MemberRemoved | RoleChanged | ConversationRenamed | MessageSent | MessageEdited | MessageRecalled | ReactionAdded | ReactionRemoved | ReadMarked | SettingsChanged | MemberInvited | InvitationDeclined | ApplicationMade | ApplicationDeclined | LinkCreated | LinkRevoked | MemberBanned | MemberUnbanned | MemberMuted | AllMuted | RoleDefined | RoleDropped | NicknameChanged | ConversationDissolved | FriendRequested | FriendAccepted | FriendDeclined | FriendRemoved | UserBlocked | UserUnblocked | CallNoted | HiddenEvent;
/** The first frame, within EDGE_AUTH_TIMEOUT_MS. `positions`: conversation -> next seq, where the device stands in `epoch`. */
export interface Hello {
    readonly type: "hello";
    readonly token: string;
    readonly device: string;
    readonly epoch?: string | null;
    readonly positions?: Readonly<Record<string, number>>;
    readonly agent?: string;
    readonly follow?: boolean;
    readonly push?: PushOffer | null;
}
export interface PushOffer {
    readonly channel: string;
    readonly token: string;
    readonly app?: string;
    readonly locale?: string;
}
export interface CreateConversation {
    readonly type: "create_conversation";
    readonly id: string;
    readonly conversation: string;
    readonly conversation_kind: ConversationKind;
    readonly title?: string;
    readonly members?: readonly FrameMember[];
    readonly settings?: FrameSettings | null;
}
export interface AddMember {
    readonly type: "add_member";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly role?: string;
}
export interface LeaveConversation {
    readonly type: "leave_conversation";
    readonly id: string;
    readonly conversation: string;
}
export interface RemoveMember {
    readonly type: "remove_member";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
}
export interface ChangeRole {
    readonly type: "change_role";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly role: string;
}
export interface RenameConversation {
    readonly type: "rename_conversation";
    readonly id: string;
    readonly conversation: string;
    readonly title: string;
}
/** `qos` None: what is usual in this kind of conversation. An ephemeral message is acked with seq 0: it is no event, and not kept. */
export interface SendMessage {
    readonly type: "send_message";
    readonly id: string;
    readonly conversation: string;
    readonly content: DeviceContent;
    readonly reply_to?: number | null;
    readonly mentions?: readonly string[];
    readonly qos?: "ephemeral" | "at_least_once" | "effectively_once" | null;
    readonly announcement?: boolean;
}
export interface EditMessage {
    readonly type: "edit_message";
    readonly id: string;
    readonly conversation: string;
    readonly target_seq: number;
    readonly content: DeviceContent;
    readonly mentions?: readonly string[];
}
export interface RecallMessage {
    readonly type: "recall_message";
    readonly id: string;
    readonly conversation: string;
    readonly target_seq: number;
}
export interface AddReaction {
    readonly type: "add_reaction";
    readonly id: string;
    readonly conversation: string;
    readonly target_seq: number;
    readonly reaction: string;
}
export interface RemoveReaction {
    readonly type: "remove_reaction";
    readonly id: string;
    readonly conversation: string;
    readonly target_seq: number;
    readonly reaction: string;
}
export interface MarkRead {
    readonly type: "mark_read";
    readonly id: string;
    readonly conversation: string;
    readonly up_to_seq: number;
    readonly up_to_ordinal: number;
}
/** All settings of a group; `expected_version` 0: whatever they are now, else refused as `stale_settings` where it is another. */
export interface ChangeSettings {
    readonly type: "change_settings";
    readonly id: string;
    readonly conversation: string;
    readonly settings: FrameSettings;
    readonly expected_version?: number;
}
/** Asks a user to join; it answers with `answer_invitation`. */
export interface InviteMember {
    readonly type: "invite_member";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly role?: string;
}
export interface AnswerInvitation {
    readonly type: "answer_invitation";
    readonly id: string;
    readonly conversation: string;
    readonly accept: boolean;
}
/** Joins at once where `joining` is open, else applies; `text` is the answer to the group's question. */
export interface ApplyToJoin {
    readonly type: "apply_to_join";
    readonly id: string;
    readonly conversation: string;
    readonly text?: string;
}
export interface AnswerApplication {
    readonly type: "answer_application";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly accept: boolean;
    readonly reason?: string;
}
/** `secret`: 22 or more characters that the device drew; the link: its id, `k-` and the command's id without dashes, and the secret. */
export interface CreateLink {
    readonly type: "create_link";
    readonly id: string;
    readonly conversation: string;
    readonly secret: string;
    readonly expires_at_ms?: number;
    readonly uses_limit?: number;
    readonly approval?: boolean;
}
export interface RevokeLink {
    readonly type: "revoke_link";
    readonly id: string;
    readonly conversation: string;
    readonly link_id: string;
}
export interface JoinByLink {
    readonly type: "join_by_link";
    readonly id: string;
    readonly conversation: string;
    readonly link_id: string;
    readonly secret: string;
    readonly text?: string;
}
/** `until_ms` 0: for ever. */
export interface BanMember {
    readonly type: "ban_member";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly until_ms?: number;
    readonly reason?: string;
}
export interface UnbanMember {
    readonly type: "unban_member";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
}
/** Silent until `until_ms`; 0: may speak again. */
export interface MuteMember {
    readonly type: "mute_member";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly until_ms: number;
}
/** All but those who may speak when all are muted; 0: over. */
export interface MuteAll {
    readonly type: "mute_all";
    readonly id: string;
    readonly conversation: string;
    readonly until_ms: number;
}
/** A role of this conversation, or what `admin` and `member` may do in it. Levels 1 to 99; nobody gives what it has not. */
export interface DefineRole {
    readonly type: "define_role";
    readonly id: string;
    readonly conversation: string;
    readonly role: string;
    readonly level: number;
    readonly permissions?: readonly Permission[];
}
/** Who has it becomes a member. */
export interface DropRole {
    readonly type: "drop_role";
    readonly id: string;
    readonly conversation: string;
    readonly role: string;
}
/** Sent by the edge itself, for `PUT /v1/conversations/{c}/nicknames/{user}`, which takes the nickname. */
export interface ChangeNickname {
    readonly type: "change_nickname";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly nickname_id: string;
}
export interface DissolveConversation {
    readonly type: "dissolve_conversation";
    readonly id: string;
    readonly conversation: string;
}
/** `conversation` may be empty in this and the four that follow: it is the direct one with `member`. */
export interface RequestFriend {
    readonly type: "request_friend";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly text?: string;
}
export interface AnswerFriendRequest {
    readonly type: "answer_friend_request";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
    readonly accept: boolean;
    readonly text?: string;
}
export interface RemoveFriend {
    readonly type: "remove_friend";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
}
export interface BlockUser {
    readonly type: "block_user";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
}
export interface UnblockUser {
    readonly type: "unblock_user";
    readonly id: string;
    readonly conversation: string;
    readonly member: string;
}
/** How far this device's user got. Not answered unless it is wrong; coalesced by the edge.
 *
 * `delivered`: the device holds every event up to `up_to_seq`, and says so: what stays unacknowledged is written again, and then the
 * session is closed. `played`: listened or looked to the end. `previewed`: shown by a push, not opened. `unread`: marked unread by the
 * user from `up_to_seq` on, 0 takes it back; only the user's own devices hear of it. Read marks are commands: `mark_read`.
 */
export interface Mark {
    readonly type: "mark";
    readonly conversation: string;
    readonly state: "delivered" | "played" | "previewed" | "unread";
    readonly up_to_seq: number;
}
/** Not answered; may be lost. */
export interface Typing {
    readonly type: "typing";
    readonly conversation: string;
    readonly typing: boolean;
}
/** Asks for events from `from_seq` on, answered by `page`; when its `more` is false, live events follow without repeat or gap.
 *
 * While `more` is true the conversation's live events are held back: the device asks again from `next_seq`.
 */
export interface Sync {
    readonly type: "sync";
    readonly request: string;
    readonly conversation: string;
    readonly from_seq: number;
    readonly limit?: number;
}
/** Asks for messages as they stand now (edits, recalls, reactions laid over) with seq < `before_seq`, or the newest.
 *
 * Answered by `history_page`.
 */
export interface History {
    readonly type: "history";
    readonly request: string;
    readonly conversation: string;
    readonly before_seq?: number | null;
    readonly limit?: number;
}
/** The next page of the directory, after the `next` of the page before. */
export interface DirectoryRequest {
    readonly type: "directory";
    readonly request: string;
    readonly after?: string | null;
}
/** Asks who has (or has not) got as far as `seq`, answered by `receipts_page`: a page of members, and how many they are.
 *
 * A page may hold fewer than `limit`, even none, and still have a `next`: so many members were looked through.
 */
export interface Receipts {
    readonly type: "receipts";
    readonly request: string;
    readonly conversation: string;
    readonly seq: number;
    readonly state?: "delivered" | "read" | "played";
    readonly has?: boolean;
    readonly after?: string | null;
    readonly limit?: number;
}
/** From now on `receipt_counts` tell how many have got as far as `seq` in this conversation; 0 ends it. One seq per conversation. */
export interface WatchReceipts {
    readonly type: "watch_receipts";
    readonly conversation: string;
    readonly seq: number;
}
/** Whose presence this session wants to hear of, from now on these and no others. Answered by `presence` with all of them.
 *
 * Shape: users, and the members of conversations; above EDGE_PRESENCE_WATCHED_LIMIT users it is refused as `too_many`.
 */
export interface WatchPresence {
    readonly type: "watch_presence";
    readonly request: string;
    readonly users?: readonly string[];
    readonly conversations?: readonly string[];
}
/** Whether this device's user is away from it, and the user's own status line (None: as it was; empty: none). */
export interface SetPresence {
    readonly type: "set_presence";
    readonly away: boolean;
    readonly status?: string | null;
}
export interface Ping {
    readonly type: "ping";
    readonly nonce?: string;
}
/** Rings `callees`; none: everybody in the conversation. `engine`: a kind, or empty for the node's choice.
 *
 * Units: `ring_ms` 30,000 to 120,000.
 */
export interface CallRequest {
    readonly type: "call_request";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly call_kind: "one_to_one" | "group";
    readonly media: "audio" | "video";
    readonly callees?: readonly string[];
    readonly ring_ms?: number;
    readonly engine?: "" | "embedded" | "janus" | "livekit" | "p2p";
    readonly offer_hash?: string;
}
/** This device got the ring. */
export interface CallDelivered {
    readonly type: "call_delivered";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
/** This device shows the ring. */
export interface CallRinging {
    readonly type: "call_ringing";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
export interface CallAccept {
    readonly type: "call_accept";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly answer_hash?: string;
}
export interface CallReject {
    readonly type: "call_reject";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
/** This device's user is in another call. */
export interface CallBusy {
    readonly type: "call_busy";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
/** Ends a call between two; leaves a group's, or ends it `for_all`. */
export interface CallHangUp {
    readonly type: "call_hang_up";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly for_all?: boolean;
    readonly quality?: FrameQuality | null;
}
/** What the device had of the call. Shape: `loss_ratio` in 0..1. */
export interface FrameQuality {
    readonly loss_ratio: number;
    readonly rtt_ms: number;
    readonly jitter_ms: number;
    readonly bitrate_kbps: number;
}
/** Into a group's call; or with another device into a call that the user is in. */
export interface CallJoin {
    readonly type: "call_join";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
export interface CallLeave {
    readonly type: "call_leave";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly quality?: FrameQuality | null;
}
export interface CallInvite {
    readonly type: "call_invite";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly callees: readonly string[];
    readonly ring_ms?: number;
}
/** `target` takes this user's place once it has accepted. */
export interface CallTransfer {
    readonly type: "call_transfer";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly target: string;
    readonly ring_ms?: number;
}
export interface CallKick {
    readonly type: "call_kick";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly target: string;
}
/** By a moderator; one's own microphone is muted with `call_tracks`. */
export interface CallMute {
    readonly type: "call_mute";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly target: string;
    readonly muted?: boolean;
}
export interface CallHand {
    readonly type: "call_hand";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly raised?: boolean;
}
/** From audio to video. */
export interface CallUpgrade {
    readonly type: "call_upgrade";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
export interface CallHold {
    readonly type: "call_hold";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
export interface CallResume {
    readonly type: "call_resume";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
/** Still there. Needed where no engine says so: before an answer, and in a call between two without an engine. */
export interface CallRenew {
    readonly type: "call_renew";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
}
/** Of a call without an engine: whether the other's media comes in. */
export interface CallMediaFlow {
    readonly type: "call_media";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly flow: "up" | "lost";
}
/** To another engine, by a moderator; from `p2p` to an engine by either of the two. `engine`: a kind, or empty for the node's choice. */
export interface CallSwitch {
    readonly type: "call_switch";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly engine?: "" | "embedded" | "janus" | "livekit";
}
/** An offer for what is published, or the answer to an offer to subscribe. `seq` dense from 1 in a generation, with the candidates.
 *
 * `ticket`: with the first offer of a generation. `tracks`: what each media section that is sent is.
 */
export interface CallDescription {
    readonly type: "call_description";
    readonly conversation: string;
    readonly call: string;
    readonly epoch?: number;
    readonly pc: "publish" | "subscribe";
    readonly generation: number;
    readonly seq: number;
    readonly sdp_type: "offer" | "answer";
    readonly sdp: string;
    readonly tracks?: readonly FrameTrack[];
    readonly ticket?: string;
}
/** `candidate` empty: there are no more. */
export interface CallCandidate {
    readonly type: "call_candidate";
    readonly conversation: string;
    readonly call: string;
    readonly epoch?: number;
    readonly pc: "publish" | "subscribe";
    readonly generation: number;
    readonly seq: number;
    readonly candidate: string;
    readonly mid?: string;
}
/** The device's tracks as they are now, told to all. */
export interface CallTracks {
    readonly type: "call_tracks";
    readonly conversation: string;
    readonly call: string;
    readonly epoch?: number;
    readonly tracks: readonly FrameTrack[];
}
/** How much of somebody's track this device wants to get. */
export interface CallLayer {
    readonly type: "call_layer";
    readonly conversation: string;
    readonly call: string;
    readonly epoch?: number;
    readonly publisher: string;
    readonly source: "microphone" | "camera" | "screen" | "screen_audio";
    readonly layer: "high" | "low" | "off";
}
/** For a new generation. Answered by `call_ticket`. */
export interface CallTicketWanted {
    readonly type: "call_ticket_wanted";
    readonly conversation: string;
    readonly call: string;
    readonly epoch?: number;
    readonly generation: number;
}
export type CommandFrame = CreateConversation | AddMember | LeaveConversation | RemoveMember | ChangeRole | RenameConversation | SendMessage | EditMessage | RecallMessage | AddReaction | RemoveReaction | MarkRead | ChangeSettings | InviteMember | AnswerInvitation | ApplyToJoin | AnswerApplication | CreateLink | RevokeLink | JoinByLink | BanMember | UnbanMember | MuteMember | MuteAll | DefineRole | DropRole | ChangeNickname | DissolveConversation | RequestFriend | AnswerFriendRequest | RemoveFriend | BlockUser | UnblockUser;
export type CallCommandFrame = CallRequest | CallDelivered | CallRinging | CallAccept | CallReject | CallBusy | CallHangUp | CallJoin | CallLeave | CallInvite | CallTransfer | CallKick | CallMute | CallHand | CallUpgrade | CallHold | CallResume | CallRenew | CallMediaFlow | CallSwitch;
export type CallSignalFrame = CallDescription | CallCandidate | CallTracks | CallLayer | CallTicketWanted;
export type FromDevice = Hello | CreateConversation | AddMember | LeaveConversation | RemoveMember | ChangeRole | RenameConversation | SendMessage | EditMessage | RecallMessage | AddReaction | RemoveReaction | MarkRead | ChangeSettings | InviteMember | AnswerInvitation | ApplyToJoin | AnswerApplication | CreateLink | RevokeLink | JoinByLink | BanMember | UnbanMember | MuteMember | MuteAll | DefineRole | DropRole | ChangeNickname | DissolveConversation | RequestFriend | AnswerFriendRequest | RemoveFriend | BlockUser | UnblockUser | Mark | Typing | Sync | History | DirectoryRequest | Receipts | WatchReceipts | WatchPresence | SetPresence | Ping | CallRequest | CallDelivered | CallRinging | CallAccept | CallReject | CallBusy | CallHangUp | CallJoin | CallLeave | CallInvite | CallTransfer | CallKick | CallMute | CallHand | CallUpgrade | CallHold | CallResume | CallRenew | CallMediaFlow | CallSwitch | CallDescription | CallCandidate | CallTracks | CallLayer | CallTicketWanted;
/** `epoch_changed`: the device's positions are of a lost log; it forgets them and reads again. `next`: ask `directory` for the rest. */
export interface Welcome {
    readonly type: "welcome";
    readonly session: string;
    readonly node: string;
    readonly user: string;
    readonly epoch: string;
    readonly epoch_changed: boolean;
    readonly now_ms: number;
    readonly heartbeat_ms: number;
    readonly limits: Limits;
    readonly directory: readonly DirectoryEntry[];
    readonly next: string | null;
    readonly push: string;
}
export interface Limits {
    readonly frame_bytes: number;
    readonly text_bytes: number;
    readonly commands_per_s: number;
    readonly commands_burst: number;
    readonly outstanding_commands: number;
    readonly sync_events: number;
    readonly history_messages: number;
    readonly positions: number;
}
/** One conversation of the user. `head_seq`, `head_ordinal` are those of its newest event; `last` is its newest message. */
export interface DirectoryEntry {
    readonly conversation: string;
    readonly conversation_kind: ConversationKind;
    readonly title: string;
    readonly role: string;
    readonly head_seq: number;
    readonly head_ordinal: number;
    readonly active_at_ms: number;
    readonly read_seq: number;
    readonly unread: number;
    readonly peer?: string;
    readonly marked_unread?: boolean;
    readonly last?: MessageItem;
}
/** A message as it stands now. `content` is absent once recalled; `reactions`: reaction -> users. */
export interface MessageItem {
    readonly seq: number;
    readonly ordinal: number;
    readonly at_ms: number;
    readonly user: string;
    readonly id: string;
    readonly content?: DeviceContent;
    readonly reply_to?: number;
    readonly mentions?: readonly string[];
    readonly edited_at_ms?: number;
    readonly recalled?: boolean;
    readonly reactions?: Readonly<Record<string, readonly string[]>>;
    readonly announcement?: boolean;
}
/** Content of a message. Shape: `text` for text/*, else `body` (base64 in JSON, bytes in MessagePack); exactly one of them. */
export interface DeviceContent {
    readonly media_type?: string;
    readonly text?: string;
    readonly body?: string;
    readonly key_id?: string;
}
export interface DirectoryPage {
    readonly type: "directory_page";
    readonly request: string;
    readonly directory: readonly DirectoryEntry[];
    readonly next: string | null;
}
/** The command is committed as the event `seq`. Repeated commands get the seq they had.
 *
 * `seq` 0: taken, and no event came of it (an ephemeral message; a read mark that is not to be seen or in a conversation of many members).
 */
export interface Ack {
    readonly type: "ack";
    readonly id: string;
    readonly conversation: string;
    readonly seq: number;
    readonly ordinal: number;
    readonly at_ms: number;
}
export interface Reject {
    readonly type: "reject";
    readonly id: string;
    readonly conversation: string;
    readonly code: string;
    readonly detail: string;
    readonly retryable: boolean;
    readonly retry_after_ms: number;
}
/** Live events of one conversation, ascending. The device that caused an event gets its `ack` instead. */
export interface Events {
    readonly type: "events";
    readonly conversation: string;
    readonly events: readonly EventItem[];
}
export interface FrameMember {
    readonly user: string;
    readonly role: string;
}
/** A group's settings. `question` is asked of who applies; `history` joined: newcomers do not read what was before they came. */
export interface FrameSettings {
    readonly visibility?: "private" | "public";
    readonly joining?: "invited" | "apply" | "open";
    readonly question?: string;
    readonly history?: "all" | "joined";
    readonly slow_mode_ms?: number;
    readonly description?: string;
    readonly avatar?: string;
}
/** Answers `sync`: dense from the asked seq on, but for `missing`: seqs damaged or not for this user. `next_seq` is the next to read. */
export interface Page {
    readonly type: "page";
    readonly request: string;
    readonly conversation: string;
    readonly events: readonly EventItem[];
    readonly next_seq: number;
    readonly more: boolean;
    readonly missing?: readonly number[];
}
/** Answers `history`: messages ascending by seq; `before_seq` is what to ask next, None at the beginning. */
export interface HistoryPage {
    readonly type: "history_page";
    readonly request: string;
    readonly conversation: string;
    readonly messages: readonly MessageItem[];
    readonly before_seq: number | null;
}
/** `user` got as far as `up_to_seq`. In a conversation of many members only the user's own devices hear it; others get counts.
 *
 * `unread`, `previewed` and hidden receipts go to the user's own devices only. `up_to_ordinal` stands with `read`.
 */
export interface Receipt {
    readonly type: "receipt";
    readonly conversation: string;
    readonly user: string;
    readonly state: "delivered" | "read" | "played" | "previewed" | "unread";
    readonly up_to_seq: number;
    readonly up_to_ordinal?: number;
}
/** Answers `receipts`. `next`: ask with it as `after` for the following members; None at the end. */
export interface ReceiptsPage {
    readonly type: "receipts_page";
    readonly request: string;
    readonly conversation: string;
    readonly entries: readonly ReceiptEntry[];
    readonly next: string | null;
}
/** A member and how far it got in the asked state; `at_ms` is when that was said, 0 if it never was or is not known. */
export interface ReceiptEntry {
    readonly user: string;
    readonly up_to_seq: number;
    readonly at_ms: number;
}
/** How many of the other members have got as far as `seq`; told at most once a second while it changes. */
export interface ReceiptCounts {
    readonly type: "receipt_counts";
    readonly conversation: string;
    readonly seq: number;
    readonly members: number;
    readonly delivered: number;
    readonly read: number;
    readonly played: number;
}
/** Answers `watch_presence` (with its request id), and tells later changes (with an empty one). */
export interface Presence {
    readonly type: "presence";
    readonly request: string;
    readonly users: readonly PresenceEntry[];
}
/** `last_seen_ms`: when the user was last online; 0 if never, or not to be shown. */
export interface PresenceEntry {
    readonly user: string;
    readonly state: "online" | "away" | "offline";
    readonly status: string;
    readonly last_seen_ms: number;
}
/** The user's roster changed: these entries, whole, as of `version`; what was before it is to be had by `GET /v1/me/roster?since=`.
 *
 * `invitations`: what the user is invited or has applied to has changed; ask `GET /v1/me/invitations`.
 */
export interface Roster {
    readonly type: "roster";
    readonly version: string;
    readonly entries?: readonly RosterEntry[];
    readonly invitations?: boolean;
}
/** What the user has with another user: `relation` and `blocked` as this side made or sees them; `alias` and `tags` are its own notes.
 *
 * `conversation`: their direct one. `text`: of the newest request or answer.
 */
export interface RosterEntry {
    readonly user: string;
    readonly conversation: string;
    readonly relation: Relation;
    readonly blocked: boolean;
    readonly alias: string;
    readonly tags: readonly string[];
    readonly text: string;
    readonly changed_at_ms: number;
}
/** The device did not read fast enough and this conversation's events from `from_seq` on were dropped: ask `sync` for them. */
export interface Resync {
    readonly type: "resync";
    readonly conversation: string;
    readonly from_seq: number;
}
/** This node is going to stop: come back, to any node, after `after_ms`. Until then everything works, then it closes with 4000. */
export interface Move {
    readonly type: "move";
    readonly after_ms: number;
}
/** An ephemeral message: it has no seq, is in no history, and was told only to whoever is here now. */
export interface Signalled {
    readonly type: "signalled";
    readonly conversation: string;
    readonly user: string;
    readonly id: string;
    readonly content: DeviceContent;
    readonly at_ms: number;
}
export interface UserTyping {
    readonly type: "user_typing";
    readonly conversation: string;
    readonly user: string;
    readonly typing: boolean;
}
export interface Pong {
    readonly type: "pong";
    readonly nonce: string;
    readonly now_ms: number;
}
/** A request that is not a command could not be served. `request` is its request id; "" where there is none.
 *
 * `conversation`: of the position in `hello` that this is about.
 */
export interface Failure {
    readonly type: "error";
    readonly request: string;
    readonly code: string;
    readonly detail: string;
    readonly retryable: boolean;
    readonly retry_after_ms: number;
    readonly conversation: string | null;
}
/** The command is committed. `call`: the call it came to, which after a glare is the other's. `seq` 0: it was so already. */
export interface CallAck {
    readonly type: "call_ack";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly seq: number;
}
/** `call`: the call that this is about; with `call_exists` the one that is going on. `retry_after_ms` 0: not by waiting alone. */
export interface CallRefusal {
    readonly type: "call_refused";
    readonly id: string;
    readonly conversation: string;
    readonly call: string;
    readonly code: string;
    readonly fault: "device" | "user" | "engine" | "nobody";
    readonly detail: string;
    readonly retry_after_ms: number;
}
/** Ring until `deadline_ms` (this server's clock, which says `now_ms`), or until `call_stop`. `knock`: the user is in another call. */
export interface CallRing {
    readonly type: "call_ring";
    readonly conversation: string;
    readonly call: string;
    readonly caller: string;
    readonly call_kind: "one_to_one" | "group";
    readonly media: "audio" | "video";
    readonly engine_kind: "embedded" | "janus" | "livekit" | "p2p";
    readonly deadline_ms: number;
    readonly now_ms: number;
    readonly knock: boolean;
}
/** Stop ringing. */
export interface CallStop {
    readonly type: "call_stop";
    readonly conversation: string;
    readonly call: string;
    readonly why: "answered_elsewhere" | "cancelled" | "rejected" | "busy" | "timed_out" | "ended";
}
/** To every session of a participant: something happened. `what`: the event's kind; `by`: who did it; `about`: whom it is about.
 *
 * Also, with `what` "now", after a hello and after joining: how the call stands.
 */
export interface CallChanged {
    readonly type: "call_changed";
    readonly what: string;
    readonly by: string;
    readonly about: string;
    readonly at_ms: number;
    readonly call: CallShown;
}
/** A live call as it is after its event `seq`. */
export interface CallShown {
    readonly conversation: string;
    readonly call: string;
    readonly seq: number;
    readonly call_kind: "one_to_one" | "group";
    readonly media: "audio" | "video";
    readonly state: "requested" | "ringing" | "accepted" | "connected" | "reconnecting" | "held" | "ended";
    readonly caller: string;
    readonly engine_kind: "embedded" | "janus" | "livekit" | "p2p";
    readonly epoch: number;
    readonly requested_at_ms: number;
    readonly parties: readonly CallParty[];
}
/** A user's part. `device`: by which it is in the call; `flow`: of its media. */
export interface CallParty {
    readonly user: string;
    readonly state: "invited" | "delivered" | "ringing" | "accepted" | "joined" | "rejected" | "busy" | "answered_elsewhere" | "cancelled" | "timed_out" | "failed" | "left";
    readonly device?: string;
    readonly flow?: "waiting" | "flowing" | "lost" | "moving";
    readonly held?: boolean;
    readonly muted?: boolean;
    readonly hand?: boolean;
}
/** To every session of a participant: the call has ended, or this user is no longer in it (`left` says why). */
export interface CallOver {
    readonly type: "call_over";
    readonly conversation: string;
    readonly call: string;
    readonly seq: number;
    readonly at_ms: number;
    readonly reason: "hung_up" | "cancelled" | "rejected" | "busy" | "missed" | "ended_by_moderator" | "all_left" | "no_media" | "connection_lost" | "lease_expired" | "engine_lost" | "too_long" | null;
    readonly left: "hung_up" | "kicked" | "transferred" | "no_media" | "connection_lost" | "lease_expired" | "engine_lost" | null;
}
/** Into the room of this epoch, once, until `until_ms`. A higher epoch: make the new connections before the old ones are broken. */
export interface CallTicket {
    readonly type: "call_ticket";
    readonly conversation: string;
    readonly call: string;
    readonly epoch: number;
    readonly generation: number;
    readonly engine_kind: "embedded" | "janus" | "livekit" | "p2p";
    readonly url: string;
    readonly ticket: string;
    readonly ice_servers: readonly FrameIceServer[];
    readonly until_ms: number;
}
export interface FrameIceServer {
    readonly urls: readonly string[];
    readonly username?: string;
    readonly credential?: string;
}
/** The answer to what is published, or an offer to subscribe. `pc`: of the receiver's connections. */
export interface CallDescribed {
    readonly type: "call_described";
    readonly conversation: string;
    readonly call: string;
    readonly epoch: number;
    readonly generation: number;
    readonly seq: number;
    readonly pc: "publish" | "subscribe";
    readonly sdp_type: "offer" | "answer";
    readonly sdp: string;
    readonly tracks: readonly FrameTrack[];
}
/** One stream. `mid`: of the SDP's media section; `user`, `device`: whose, empty in what its own device says. */
export interface FrameTrack {
    readonly mid: string;
    readonly source: "microphone" | "camera" | "screen" | "screen_audio";
    readonly user?: string;
    readonly device?: string;
    readonly muted?: boolean;
}
export interface CallCandidateCame {
    readonly type: "call_candidate_came";
    readonly conversation: string;
    readonly call: string;
    readonly epoch: number;
    readonly generation: number;
    readonly seq: number;
    readonly pc: "publish" | "subscribe";
    readonly candidate: string;
    readonly mid: string;
}
/** What somebody's tracks are now. */
export interface CallTracksChanged {
    readonly type: "call_tracks_changed";
    readonly conversation: string;
    readonly call: string;
    readonly user: string;
    readonly device: string;
    readonly tracks: readonly FrameTrack[];
}
/** Who speaks now, the loudest first. */
export interface CallSpeaking {
    readonly type: "call_speaking";
    readonly conversation: string;
    readonly call: string;
    readonly speakers: readonly FrameSpeaker[];
}
/** `level`: 0 to 100. */
export interface FrameSpeaker {
    readonly user: string;
    readonly level: number;
}
/** Send at most so much (0: no limit); `audio_only`: this device's way carries no video for now. */
export interface CallLimits {
    readonly type: "call_limits";
    readonly conversation: string;
    readonly call: string;
    readonly bitrate_kbps: number;
    readonly height: number;
    readonly audio_only: boolean;
}
/** `seq`: of the refused signal; 0: it had none. `code`: of `schemas.call_signals.SignalCode`, or `rate_limited`. */
export interface CallSignalRefusal {
    readonly type: "call_signal_refused";
    readonly conversation: string;
    readonly call: string;
    readonly epoch: number;
    readonly seq: number;
    readonly code: string;
    readonly detail: string;
}
export type CallFromEdge = CallAck | CallRefusal | CallRing | CallStop | CallChanged | CallOver | CallTicket | CallDescribed | CallCandidateCame | CallTracksChanged | CallSpeaking | CallLimits | CallSignalRefusal;
export type FromEdge = Welcome | DirectoryPage | Ack | Reject | Events | Page | HistoryPage | Receipt | ReceiptsPage | ReceiptCounts | Presence | Roster | Resync | Move | Signalled | UserTyping | Pong | Failure | CallAck | CallRefusal | CallRing | CallStop | CallChanged | CallOver | CallTicket | CallDescribed | CallCandidateCame | CallTracksChanged | CallSpeaking | CallLimits | CallSignalRefusal;
/** Why the edge closes a WebSocket, and what the device does next. */
export interface CloseCode {
    readonly code: number;
    readonly reason: string;
    readonly reconnect: "backoff" | "new_token" | "never";
}
export declare const CLOSE_CODES: readonly CloseCode[];
