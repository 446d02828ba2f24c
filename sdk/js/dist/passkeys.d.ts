/** What a server asks an authenticator. `challenge` names the question to the server; `options` is for the browser. */
export interface PasskeyOptions {
    readonly challenge: string;
    readonly options: Readonly<Record<string, unknown>>;
}
type Json = Record<string, unknown>;
export declare const canPasskey: () => boolean;
/** Makes a passkey on this device or a key that is plugged in. Raises: what the browser raises (DOMException). */
export declare function createPasskey(options: Json): Promise<Json>;
/** Lets the user choose a passkey and sign with it. Raises: what the browser raises (DOMException). */
export declare function getPasskey(options: Json): Promise<Json>;
export declare function bytesOf(text: unknown): Uint8Array<ArrayBuffer>;
export declare function textOf(bytes: ArrayBuffer | Uint8Array): string;
export {};
