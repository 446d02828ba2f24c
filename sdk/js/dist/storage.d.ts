export interface KeyValueStore {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
}
/** Survives nothing. */
export declare class MemoryStore implements KeyValueStore {
    private readonly items;
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
}
/** The value under `key`; null when it is absent or not JSON (an older version's, or touched by hand). */
export declare function readJson<T>(store: KeyValueStore, key: string): T | null;
