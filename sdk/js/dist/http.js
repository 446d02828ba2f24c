// The REST face: accounts and what is not sent over the WebSocket. Shell around fetch.
import { RestError, Unreachable } from "./errors.js";
const TIMEOUT_MS = 15_000;
export const USERS_AT_ONCE = 100; // of some 23 characters each, in one URL
export class Rest {
    base;
    fetch;
    token;
    /** `token`: gives a good access token, for the calls that need one. Raises (all calls): RestError, Unreachable. */
    constructor(base, fetch, token) {
        this.base = base;
        this.fetch = fetch;
        this.token = token;
    }
    register(name, password) {
        return this.call("POST", "/v1/register", { name, password }, false);
    }
    login(name, password) {
        return this.call("POST", "/v1/login", { name, password }, false);
    }
    refresh(refresh_token) {
        return this.call("POST", "/v1/refresh", { refresh_token }, false);
    }
    async logout(refresh_token) {
        await this.call("POST", "/v1/logout", { refresh_token }, false);
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
        return this.call("GET", `/v1/users/by-name/${encodeURIComponent(name)}`);
    }
    /** The same `command_id` makes a retry harmless. */
    createConversation(body) {
        return this.call("POST", "/v1/conversations", body);
    }
    /** All members, by as many pages as it takes. */
    async members(conversation) {
        const found = [];
        let after = null;
        do {
            const query = after === null ? "" : `&after=${encodeURIComponent(after)}`;
            const path = `/v1/conversations/${encodeURIComponent(conversation)}/members?limit=1000${query}`;
            const page = await this.call("GET", path);
            found.push(...page.members);
            after = page.next;
        } while (after !== null);
        return found;
    }
    privacy() {
        return this.call("GET", "/v1/me/privacy");
    }
    setPrivacy(privacy) {
        return this.call("PUT", "/v1/me/privacy", privacy);
    }
    /** Where a message was and when, down to each member's devices. */
    journey(conversation, seq) {
        return this.call("GET", `/v1/messages/${encodeURIComponent(conversation)}/${seq}/journey`);
    }
    async call(method, path, body, authorized = true) {
        const headers = { "Content-Type": "application/json" };
        if (authorized)
            headers["Authorization"] = `Bearer ${await this.token()}`;
        const init = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) };
        if (body !== undefined)
            init.body = JSON.stringify(body);
        let response;
        let text;
        try {
            response = await this.fetch(this.base() + path, init);
            text = await response.text();
        }
        catch (error) {
            throw new Unreachable(String(error)); // fetch raises TypeError or AbortError, whatever was the matter
        }
        const answer = parsed(text);
        if (response.ok)
            return answer;
        const problem = (answer ?? {});
        const retryable = problem.retryable ?? response.status >= 500;
        throw new RestError(response.status, problem.code ?? "http", problem.detail ?? `status ${response.status}`, retryable);
    }
}
function parsed(text) {
    try {
        return text === "" ? null : JSON.parse(text);
    }
    catch (error) {
        if (error instanceof SyntaxError)
            return null; // a proxy's page; the status says enough
        throw error;
    }
}
