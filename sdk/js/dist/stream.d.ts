export declare const STREAM_LIMIT = 10000;
/** Raises Overflow to a reader that fell behind by more than `limit`. */
export declare class Stream<T> implements AsyncIterableIterator<T> {
    private readonly onEnd;
    private readonly limit;
    private readonly queue;
    private waiting;
    private over;
    private failure;
    constructor(onEnd: () => void, limit?: number);
    push(item: T): void;
    end(): void;
    next(): Promise<IteratorResult<T>>;
    return(): Promise<IteratorResult<T>>;
    [Symbol.asyncIterator](): this;
}
