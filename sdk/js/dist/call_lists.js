// Ended calls over REST, in pages, newest first. The calls that go on are a session's.
import { pathOf, withQuery } from "./http.js";
export class CallLists {
    http;
    constructor(http) {
        this.http = http;
    }
    /** In which this user was, or for which it was rung. */
    own(after = null, limit = 50) {
        return this.http.call("GET", withQuery("/v1/calls", { after, limit }));
    }
    ofConversation(conversation, after = null, limit = 50) {
        return this.http.call("GET", withQuery(pathOf("conversations", conversation, "calls"), { after, limit }));
    }
}
