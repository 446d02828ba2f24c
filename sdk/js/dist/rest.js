// The REST face: what is not sent over the WebSocket. Each group of calls has a module of its own.
import { CallLists } from "./call_lists.js";
import { FriendCalls } from "./friends.js";
import { GroupCalls } from "./groups.js";
import { Http, pathOf, withQuery } from "./http.js";
import { People } from "./people.js";
import { PushCalls } from "./push.js";
export const USERS_AT_ONCE = 100; // of some 23 characters each, in one URL
/** What needs no session: names, lists, and everything about people. */
export class Rest extends Http {
    people = new People(this);
    friends = new FriendCalls(this);
    groups = new GroupCalls(this);
    push = new PushCalls(this);
    calls = new CallLists(this);
    refresh(refresh_token) {
        return this.call("POST", "/v1/refresh", { refresh_token }, { authorized: false });
    }
    async logout(refresh_token) {
        await this.call("POST", "/v1/logout", { refresh_token }, { authorized: false });
    }
    /** Unknown ids are not in the answer. */
    async users(ids) {
        const found = [];
        for (let start = 0; start < ids.length; start += USERS_AT_ONCE) {
            const some = ids.slice(start, start + USERS_AT_ONCE).map(encodeURIComponent).join(",");
            found.push(...(await this.call("GET", `/v1/users?ids=${some}`)).users);
        }
        return found;
    }
    userByName(name) {
        return this.call("GET", pathOf("users", "by-name", name));
    }
    /** The same `command_id` makes a retry harmless. */
    createConversation(body) {
        return this.call("POST", "/v1/conversations", body);
    }
    /** Any command without a session: of a conversation, or (`user`) about a friend. The same `id` makes a retry harmless. */
    give(about, command) {
        const path = "user" in about ? pathOf("users", about.user, "commands") : pathOf("conversations", about.conversation, "commands");
        return this.call("POST", path, { command });
    }
    /** All members, by as many pages as it takes. */
    members(conversation) {
        return this.pages(withQuery(pathOf("conversations", conversation, "members"), { limit: 1000 }), (page) => page.members);
    }
    privacy() {
        return this.call("GET", "/v1/me/privacy");
    }
    /** What is not given stays as it is. */
    setPrivacy(privacy) {
        return this.call("PUT", "/v1/me/privacy", privacy);
    }
    /** Where a message was and when, down to each member's devices. */
    journey(conversation, seq) {
        return this.call("GET", pathOf("messages", conversation, seq, "journey"));
    }
}
