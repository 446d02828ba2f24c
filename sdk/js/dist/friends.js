// Friends: requests, answers, blocks (commands of the direct conversation), notes on people, invitations.
import { pathOf, withQuery } from "./http.js";
/** The part of it that is REST. Raises (all calls): RestError, Unreachable. */
export class FriendCalls {
    http;
    constructor(http) {
        this.http = http;
    }
    /** A page; `Client.roster` keeps the whole. */
    rosterPage(since, after = null) {
        return this.http.call("GET", withQuery("/v1/me/roster", { since: since || null, after }));
    }
    /** What the user calls this person, and how it sorts it; nobody else sees it. */
    async note(user, alias, tags = []) {
        await this.http.call("PUT", pathOf("me", "roster", user), { alias, tags });
    }
    invitations() {
        return this.http.call("GET", "/v1/me/invitations");
    }
    /** Whether a message to this user would be taken now, and if not, why. */
    mayMessage(user) {
        return this.http.call("GET", pathOf("users", user, "may-message"));
    }
    /** What this user asks of who wants to be its friend. */
    question(user) {
        return this.http.call("GET", pathOf("users", user, "friend-question"));
    }
}
/** The commands. Each resolves when it is committed. Raises: Rejected (blocked, already_friends, no_request, …), ClientClosed. */
export class Friends {
    command;
    constructor(command) {
        this.command = command;
    }
    request(member, text = "") {
        return this.command({ type: "request_friend", conversation: "", member, text });
    }
    accept(member, text = "") {
        return this.command({ type: "answer_friend_request", conversation: "", member, accept: true, text });
    }
    decline(member, text = "") {
        return this.command({ type: "answer_friend_request", conversation: "", member, accept: false, text });
    }
    remove(member) {
        return this.command({ type: "remove_friend", conversation: "", member });
    }
    /** Holds for the very next message, call and look; the other is not told. */
    block(member) {
        return this.command({ type: "block_user", conversation: "", member });
    }
    unblock(member) {
        return this.command({ type: "unblock_user", conversation: "", member });
    }
}
