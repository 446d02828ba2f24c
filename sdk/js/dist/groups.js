// Groups and channels: who may come in and how, roles, mutes, bans, links, announcements.
import { linkOf } from "./echo.js";
import { pathOf, withQuery } from "./http.js";
import { textOf } from "./passkeys.js";
/** What is read, or is not the log's. Raises (all calls): RestError (not_member, not_allowed), Unreachable. */
export class GroupCalls {
    http;
    constructor(http) {
        this.http = http;
    }
    /** Of a public group also to who is no member: what it is, and what is asked of who wants to join. */
    info(conversation) {
        return this.http.call("GET", pathOf("conversations", conversation));
    }
    /** By the beginnings of the words of their titles; empty: all. */
    findPublic(q = "", after = null) {
        return this.http.call("GET", withQuery("/v1/conversations/public", { q, after }));
    }
    roles(conversation) {
        return this.all(conversation, "roles");
    }
    bans(conversation) {
        return this.all(conversation, "bans");
    }
    mutes(conversation) {
        return this.all(conversation, "mutes");
    }
    links(conversation) {
        return this.all(conversation, "links");
    }
    applications(conversation) {
        return this.all(conversation, "applications");
    }
    invitations(conversation) {
        return this.all(conversation, "invitations");
    }
    /** Who read one says `Client.receipts`. */
    announcements(conversation, before_seq = null) {
        return this.http.call("GET", withQuery(pathOf("conversations", conversation, "announcements"), { before_seq }));
    }
    /** Empty: none any more. */
    async setNickname(conversation, user, nickname) {
        await this.http.call("PUT", pathOf("conversations", conversation, "nicknames", user), { nickname });
    }
    /** Those of these users who have one. */
    async nicknames(conversation, users) {
        const path = withQuery(pathOf("conversations", conversation, "nicknames"), { users: users.join(",") });
        return (await this.http.call("GET", path)).nicknames;
    }
    pushMode(conversation) {
        return this.http.call("GET", pathOf("conversations", conversation, "push-mode"));
    }
    setPushMode(conversation, mode, until_ms = 0) {
        return this.http.call("PUT", pathOf("conversations", conversation, "push-mode"), { mode, until_ms });
    }
    /** A QR code as SVG. */
    qr(text) {
        return this.http.text("POST", "/v1/qr", { text });
    }
    all(conversation, what) {
        return this.http.pages(pathOf("conversations", conversation, what), (page) => page.entries);
    }
}
export const linkText = (link) => `${link.conversation}.${link.link_id}.${link.secret}`;
/** Null: it is none of ours. */
export function linkFrom(text) {
    const [conversation, link_id, secret, ...more] = text.split(".");
    if (!conversation || !link_id || !secret || more.length > 0)
        return null;
    return { conversation, link_id, secret };
}
/** 24 random bytes, as text: nobody guesses it. */
export const drawSecret = () => textOf(globalThis.crypto.getRandomValues(new Uint8Array(24)));
/** The commands. Each resolves when it is committed. Raises: Rejected (not_allowed, muted, dissolved, …), ClientClosed. */
export class Groups {
    command;
    secret;
    constructor(command, secret = drawSecret) {
        this.command = command;
        this.secret = secret;
    }
    add(conversation, member, role = "member") {
        return this.command({ type: "add_member", conversation, member, role });
    }
    remove(conversation, member) {
        return this.command({ type: "remove_member", conversation, member });
    }
    leave(conversation) {
        return this.command({ type: "leave_conversation", conversation });
    }
    rename(conversation, title) {
        return this.command({ type: "rename_conversation", conversation, title });
    }
    /** Giving `owner` away hands the group over. */
    setRole(conversation, member, role) {
        return this.command({ type: "change_role", conversation, member, role });
    }
    /** All settings at once. `expected_version` 0: whatever they are now; else refused as `stale_settings` where they are another's. */
    setSettings(conversation, settings, expected_version = 0) {
        return this.command({ type: "change_settings", conversation, settings, expected_version });
    }
    invite(conversation, member, role = "member") {
        return this.command({ type: "invite_member", conversation, member, role });
    }
    answerInvitation(conversation, accept) {
        return this.command({ type: "answer_invitation", conversation, accept });
    }
    /** Joins where everybody may, else applies. `text`: the answer to the group's question. */
    apply(conversation, text = "") {
        return this.command({ type: "apply_to_join", conversation, text });
    }
    answerApplication(conversation, member, accept, reason = "") {
        return this.command({ type: "answer_application", conversation, member, accept, reason });
    }
    /** A link that lets in who has it. 0: without end. `approval`: it only lets apply. */
    async createLink(conversation, terms = {}) {
        const secret = this.secret();
        const made = await this.command({ type: "create_link", conversation, secret, ...terms });
        return { conversation, link_id: linkOf(made.id), secret };
    }
    revokeLink(conversation, link_id) {
        return this.command({ type: "revoke_link", conversation, link_id });
    }
    joinByLink(link, text = "") {
        return this.command({ type: "join_by_link", ...link, text });
    }
    /** Sends away and keeps away; 0: for ever. */
    ban(conversation, member, until_ms = 0, reason = "") {
        return this.command({ type: "ban_member", conversation, member, until_ms, reason });
    }
    unban(conversation, member) {
        return this.command({ type: "unban_member", conversation, member });
    }
    /** 0: may speak again. */
    mute(conversation, member, until_ms) {
        return this.command({ type: "mute_member", conversation, member, until_ms });
    }
    /** All but who may speak when all are muted; 0: over. */
    muteAll(conversation, until_ms) {
        return this.command({ type: "mute_all", conversation, until_ms });
    }
    /** A role of this group, or what its `admin` and `member` may do. Levels 1 to 99. */
    defineRole(conversation, role, level, permissions) {
        return this.command({ type: "define_role", conversation, role, level, permissions });
    }
    /** Who has it becomes a member. */
    dropRole(conversation, role) {
        return this.command({ type: "drop_role", conversation, role });
    }
    /** For good: nobody does anything here any more. */
    dissolve(conversation) {
        return this.command({ type: "dissolve_conversation", conversation });
    }
}
