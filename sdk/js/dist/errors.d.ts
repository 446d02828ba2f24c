export declare class WarblerError extends Error {
    readonly retryable: boolean;
    readonly code: string;
    readonly detail: string;
    /** Not before this long; 0: whenever. */
    readonly retry_after_ms: number;
    constructor(code: string, detail: string, retryable?: boolean, retry_after_ms?: number);
}
/** The edge could not be reached, or its answer could not be read. */
export declare class Unreachable extends WarblerError {
    constructor(detail: string);
}
/** A REST call was answered by an error. */
export declare class RestError extends WarblerError {
    readonly status: number;
    constructor(status: number, code: string, detail: string, retryable: boolean, retry_after_ms?: number);
}
/** The call needs a factor shown a moment ago: `people.stepUp`, then the same call again. */
export declare class StepUpNeeded extends RestError {
}
/** A command was refused for good; it changed nothing. */
export declare class Rejected extends WarblerError {
    readonly conversation: string;
    constructor(code: string, detail: string, conversation: string);
}
/** A command to a call was refused. `call`: which it is about; with `call_exists` the one that is going on. */
export declare class CallRejected extends Rejected {
    readonly call: string;
    readonly fault: "device" | "user" | "engine" | "nobody";
    readonly wait_ms: number;
    constructor(code: string, detail: string, conversation: string, call: string, fault: "device" | "user" | "engine" | "nobody", wait_ms: number);
}
/** A read (history, sync, directory) could not be served. */
export declare class RequestFailed extends WarblerError {
}
/** Why a sign-in is over: ended somewhere else, by another device of the same kind, by an administrator, or by time. */
export type SignedOutWhy = "revoked" | "replaced" | "frozen" | "expired";
/** There is no sign-in, or it is over: log in again. */
export declare class SignedOut extends WarblerError {
    readonly why: SignedOutWhy;
    constructor(detail: string, why?: SignedOutWhy);
}
/** The client was closed while this was under way. A command may still have been accepted. */
export declare class ClientClosed extends WarblerError {
    constructor();
}
/** An iterator's reader was too slow; sync from the last position that was handled. */
export declare class Overflow extends WarblerError {
    constructor(limit: number);
}
