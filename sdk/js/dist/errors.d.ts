export declare class WarblerError extends Error {
    readonly retryable: boolean;
    readonly code: string;
    constructor(code: string, detail: string, retryable?: boolean);
    readonly detail: string;
}
/** The edge could not be reached, or its answer could not be read. */
export declare class Unreachable extends WarblerError {
    constructor(detail: string);
}
/** A REST call was answered by an error. */
export declare class RestError extends WarblerError {
    readonly status: number;
    constructor(status: number, code: string, detail: string, retryable: boolean);
}
/** A command was refused for good; it changed nothing. */
export declare class Rejected extends WarblerError {
    readonly conversation: string;
    constructor(code: string, detail: string, conversation: string);
}
/** A read (history, sync, directory) could not be served. */
export declare class RequestFailed extends WarblerError {
}
/** There is no sign-in, or it is over: log in again. */
export declare class SignedOut extends WarblerError {
    constructor(detail: string);
}
/** The client was closed while this was under way. A command may still have been accepted. */
export declare class ClientClosed extends WarblerError {
    constructor();
}
/** An iterator's reader was too slow; sync from the last position that was handled. */
export declare class Overflow extends WarblerError {
    constructor(limit: number);
}
