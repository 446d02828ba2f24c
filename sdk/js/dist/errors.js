// One tree of errors. `retryable`: the same call may succeed later.
export class WarblerError extends Error {
    retryable;
    code;
    detail;
    /** Not before this long; 0: whenever. */
    retry_after_ms;
    constructor(code, detail, retryable = false, retry_after_ms = 0) {
        super(`${code}: ${detail}`);
        this.name = new.target.name;
        this.code = code;
        this.detail = detail;
        this.retryable = retryable;
        this.retry_after_ms = retry_after_ms;
    }
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
    constructor(status, code, detail, retryable, retry_after_ms = 0) {
        super(code, detail, retryable, retry_after_ms);
        this.status = status;
    }
}
/** The call needs a factor shown a moment ago: `people.stepUp`, then the same call again. */
export class StepUpNeeded extends RestError {
}
/** A command was refused for good; it changed nothing. */
export class Rejected extends WarblerError {
    conversation;
    constructor(code, detail, conversation) {
        super(code, detail);
        this.conversation = conversation;
    }
}
/** A command to a call was refused. `call`: which it is about; with `call_exists` the one that is going on. */
export class CallRejected extends Rejected {
    call;
    fault;
    wait_ms;
    constructor(code, detail, conversation, call, fault, wait_ms) {
        super(code, detail, conversation);
        this.call = call;
        this.fault = fault;
        this.wait_ms = wait_ms;
    }
}
/** A read (history, sync, directory) could not be served. */
export class RequestFailed extends WarblerError {
}
/** There is no sign-in, or it is over: log in again. */
export class SignedOut extends WarblerError {
    why;
    constructor(detail, why = "expired") {
        super("signed_out", detail);
        this.why = why;
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
