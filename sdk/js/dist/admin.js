// The administrator's interface: users, sign-ins, roles, API keys, policies, and what was decided.
import { AdminRetention } from "./admin_retention.js";
import { Http, pathOf, withQuery } from "./http.js";
import { AdminWebhooks } from "./webhooks.js";
/** Raises (all calls): RestError (403 where the key or role does not reach so far), Unreachable. Every call stands in the log. */
export class Admin {
    hooks;
    /** How long content is kept, and legal holds. */
    retention;
    http;
    /** `key`: an API key, the node's admin key, or the access token of a user with a tenant role. */
    constructor(url, key, call = (address, init) => globalThis.fetch(address, init)) {
        const base = url.replace(/\/$/, "");
        this.http = new Http(() => base, call, typeof key === "string" ? () => Promise.resolve(key) : key);
        this.hooks = new AdminWebhooks(this.http);
        this.retention = new AdminRetention(this.http);
    }
    // ---- users
    /** Users without a password, each with a token; a name that exists gives its user. Shape: at most 1,000 names. */
    async makeUsers(names) {
        const users = names.map((name) => ({ name }));
        return (await this.http.call("POST", "/v1/admin/users", { users })).users;
    }
    /** A user that never signs in; its tokens come from `mintToken`. */
    makeBot(name, kind = "bot") {
        return this.http.call("POST", "/v1/admin/bots", { name, kind });
    }
    users(q = null, state = null, after = null) {
        return this.http.call("GET", withQuery("/v1/admin/users", { q, state, after }));
    }
    user(user) {
        return this.http.call("GET", pathOf("admin", "users", user));
    }
    changeUser(user, change) {
        return this.http.call("PATCH", pathOf("admin", "users", user), change);
    }
    /** Closes its sessions everywhere. `reason` stays in the log: nothing personal. */
    async freeze(user, reason = "") {
        await this.http.call("POST", pathOf("admin", "users", user, "freeze"), { reason });
    }
    async unfreeze(user, reason = "") {
        await this.http.call("POST", pathOf("admin", "users", user, "unfreeze"), { reason });
    }
    /** A user that deactivated itself is there again. */
    async restore(user, reason = "") {
        await this.http.call("POST", pathOf("admin", "users", user, "restore"), { reason });
    }
    /** For good: what is personal is gone. */
    async deleteUser(user) {
        await this.http.call("DELETE", pathOf("admin", "users", user));
    }
    // ---- sign-ins, tokens, factors
    mintToken(user, ttl_ms) {
        return this.http.call("POST", pathOf("admin", "users", user, "tokens"), ttl_ms === undefined ? {} : { ttl_ms });
    }
    async revokeToken(access_token) {
        await this.http.call("POST", "/v1/admin/tokens/revoke", { access_token });
    }
    async signIns(user) {
        return (await this.http.call("GET", pathOf("admin", "users", user, "sign-ins"))).sign_ins;
    }
    async endSignIn(user, sign_in) {
        await this.http.call("DELETE", pathOf("admin", "users", user, "sign-ins", sign_in));
    }
    async endSignIns(user) {
        return (await this.http.call("DELETE", pathOf("admin", "users", user, "sign-ins"))).ended;
    }
    factors(user) {
        return this.http.call("GET", pathOf("admin", "users", user, "factors"));
    }
    async removeFactor(user, factor) {
        await this.http.call("DELETE", pathOf("admin", "users", user, "factors", factor));
    }
    // ---- roles, keys, policies
    roles() {
        return this.http.call("GET", "/v1/admin/roles");
    }
    /** Only below one's own level, and only with one's own permissions. */
    async defineRole(role, level, permissions) {
        await this.http.call("PUT", pathOf("admin", "roles", role), { level, permissions });
    }
    async dropRole(role) {
        await this.http.call("DELETE", pathOf("admin", "roles", role));
    }
    async giveRole(user, role) {
        await this.http.call("PUT", pathOf("admin", "users", user, "role"), { role });
    }
    /** `key` is shown now and never again. */
    makeKey(name, scopes, ttl_ms) {
        return this.http.call("POST", "/v1/admin/keys", { name, scopes, ...(ttl_ms === undefined ? {} : { ttl_ms }) });
    }
    async keys() {
        return (await this.http.call("GET", "/v1/admin/keys")).keys;
    }
    async revokeKey(key) {
        await this.http.call("DELETE", pathOf("admin", "keys", key));
    }
    async policies() {
        return (await this.http.call("GET", "/v1/admin/policies")).policies;
    }
    /** What is not given has its default. */
    async setPolicy(policy, value) {
        await this.http.call("PUT", pathOf("admin", "policies", policy), { value });
    }
    // ---- what happened, and why
    /** What administrators did, from the log. */
    events(after = null) {
        return this.http.call("GET", withQuery("/v1/admin/events", { after }));
    }
    /** Could the user do this there and then, and by which event. */
    could(user, action, conversation, at_ms = null) {
        return this.http.call("GET", withQuery("/v1/admin/decisions", { user, action, conversation, at_ms }));
    }
    conversation(conversation) {
        return this.http.call("GET", pathOf("admin", "conversations", conversation));
    }
    /** Gives a command as one of the conversation's members. */
    command(conversation, as_user, command) {
        return this.http.call("POST", pathOf("admin", "conversations", conversation, "commands"), { as_user, command });
    }
    // ---- pushes to an audience
    /** To everybody with a token, who has one of the tags, an alias, or these users; now, or from `send_at_ms` on. */
    sendPush(push) {
        return this.http.call("POST", "/v1/admin/pushes", push);
    }
    /** The newest first. */
    pushes(after = null) {
        return this.http.call("GET", withQuery("/v1/admin/pushes", { after }));
    }
    /** How far it is, and what became of it. */
    push(campaign) {
        return this.http.call("GET", pathOf("admin", "pushes", campaign));
    }
    /** What was not sent yet is not sent. */
    async cancelPush(campaign) {
        await this.http.call("DELETE", pathOf("admin", "pushes", campaign));
    }
    pushStats(hours = 24) {
        return this.http.call("GET", withQuery("/v1/admin/push/stats", { hours }));
    }
    /** The last ones, the newest first. */
    async pushResults(user = null, state = null, channel = null) {
        return (await this.http.call("GET", withQuery("/v1/admin/push/results", { user, state, channel }))).results;
    }
    /** What the user is called by for audiences, in the place of what it was. */
    async labelForPushes(user, tags = [], alias = "") {
        await this.http.call("PUT", pathOf("admin", "users", user, "push-labels"), { tags, alias });
    }
}
