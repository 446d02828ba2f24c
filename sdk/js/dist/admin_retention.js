// How long content is kept, and matters with their legal holds: what needs retention.read, retention.edit or holds.
import { pathOf, withQuery } from "./http.js";
/** Raises (all calls): as `Admin`, whose part `retention` it is. */
export class AdminRetention {
    http;
    constructor(http) {
        this.http = http;
    }
    /** The narrowest rule holds; without any, content is kept for ever. */
    async rules() {
        return (await this.http.call("GET", "/v1/admin/retention")).rules;
    }
    /** What is older goes from what devices read, and cannot be brought back to them. */
    async set(rule_scope, keep_ms, target = "") {
        await this.http.call("PUT", "/v1/admin/retention", { scope: rule_scope, target, keep_ms });
    }
    async drop(rule_scope, target = "") {
        await this.http.call("DELETE", withQuery("/v1/admin/retention", { scope: rule_scope, target }));
    }
    async matters() {
        return (await this.http.call("GET", "/v1/admin/matters")).matters;
    }
    /** It holds nothing before `hold`. */
    openMatter(name, about = {}) {
        return this.http.call("POST", "/v1/admin/matters", { name, ...about });
    }
    /** What it is about from now on. */
    scopeMatter(matter, about) {
        return this.http.call("PUT", pathOf("admin", "matters", matter, "scope"), about);
    }
    /** For good; its hold ends. */
    closeMatter(matter) {
        return this.http.call("POST", pathOf("admin", "matters", matter, "close"));
    }
    /** Nothing that it is about expires. */
    hold(matter, reason = "") {
        return this.http.call("PUT", pathOf("admin", "matters", matter, "hold"), { held: true, reason });
    }
    liftHold(matter, reason = "") {
        return this.http.call("PUT", pathOf("admin", "matters", matter, "hold"), { held: false, reason });
    }
}
