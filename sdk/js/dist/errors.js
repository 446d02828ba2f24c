// One tree of errors. `retryable`: the same call may succeed later.
export class WarblerError extends Error {
    retryable;
    code;
    constructor(code, detail, retryable = false) {
        super(`${code}: ${detail}`);
        this.name = new.target.name;
        this.code = code;
        this.detail = detail;
        this.retryable = retryable;
    }
    detail;
}
/** The edge could not be reached, or its answer could not be read. */
export class Unreachable extends WarblerError {
    constructor(detail) {
        super("unreachable", detail, true);
    }
}
/** A REST call was answered by an error. */
export class RestError extends WarblerError {
    status;
    constructor(status, code, detail, retryable) {
        super(code, detail, retryable);
        this.status = status;
    }
}
/** A command was refused for good; it changed nothing. */
export class Rejected extends WarblerError {
    conversation;
    constructor(code, detail, conversation) {
        super(code, detail);
        this.conversation = conversation;
    }
}
/** A read (history, sync, directory) could not be served. */
export class RequestFailed extends WarblerError {
}
/** There is no sign-in, or it is over: log in again. */
export class SignedOut extends WarblerError {
    constructor(detail) {
        super("signed_out", detail);
    }
}
/** The client was closed while this was under way. A command may still have been accepted. */
export class ClientClosed extends WarblerError {
    constructor() {
        super("closed", "the client was closed");
    }
}
/** An iterator's reader was too slow; sync from the last position that was handled. */
export class Overflow extends WarblerError {
    constructor(limit) {
        super("overflow", `more than ${limit} events were waiting to be read`);
    }
}
