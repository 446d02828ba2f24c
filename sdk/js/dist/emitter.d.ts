export type Listener<T> = (value: T) => void;
export declare class Emitter<Events> {
    private readonly listeners;
    /** Returns the call that ends the listening. */
    on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void;
    emit<K extends keyof Events>(name: K, value: Events[K]): void;
}
