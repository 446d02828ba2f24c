import { type Http } from "./http.js";
export type RuleScope = "tenant" | "kind" | "conversation";
/** `target`: empty for the tenant; direct, group or channel; or a conversation. `keep_ms` 0: for ever. */
export interface RetentionRule {
    readonly scope: RuleScope;
    readonly target: string;
    readonly keep_ms: number;
}
/** `conversations`, and all in which one of `users` is or was a member; neither named: everything. `until_ms` 0: without end. */
export interface MatterAbout {
    readonly conversations?: readonly string[];
    readonly users?: readonly string[];
    readonly from_ms?: number;
    readonly until_ms?: number;
}
/** `closed_at_ms` 0: it is open. `reason`: of the last change of its hold. */
export interface Matter extends Required<MatterAbout> {
    readonly matter: string;
    readonly name: string;
    readonly held: boolean;
    readonly reason: string;
    readonly opened_at_ms: number;
    readonly opened_by: string;
    readonly closed_at_ms: number;
}
/** Raises (all calls): as `Admin`, whose part `retention` it is. */
export declare class AdminRetention {
    private readonly http;
    constructor(http: Http);
    /** The narrowest rule holds; without any, content is kept for ever. */
    rules(): Promise<readonly RetentionRule[]>;
    /** What is older goes from what devices read, and cannot be brought back to them. */
    set(rule_scope: RuleScope, keep_ms: number, target?: string): Promise<void>;
    drop(rule_scope: RuleScope, target?: string): Promise<void>;
    matters(): Promise<readonly Matter[]>;
    /** It holds nothing before `hold`. */
    openMatter(name: string, about?: MatterAbout): Promise<Matter>;
    /** What it is about from now on. */
    scopeMatter(matter: string, about: MatterAbout): Promise<Matter>;
    /** For good; its hold ends. */
    closeMatter(matter: string): Promise<Matter>;
    /** Nothing that it is about expires. */
    hold(matter: string, reason?: string): Promise<Matter>;
    liftHold(matter: string, reason?: string): Promise<Matter>;
}
