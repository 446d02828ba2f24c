import type { CallPort, CallsEvents, CallsOptions, RequestOptions } from "./call_api.js";
import { type Chosen, type Devices } from "./call_media.js";
import type { LiveCall } from "./call_state.js";
import type { Scene } from "./call_tiles.js";
import type { CallNews } from "./effects.js";
import { type Listener } from "./emitter.js";
export declare class Calls {
    private readonly port;
    private readonly options;
    private readonly emitter;
    private readonly rooms;
    private readonly rules;
    private readonly media_rules;
    private core;
    private chosen;
    private timer;
    private readonly effects;
    private performing;
    private readonly places;
    constructor(port: CallPort, options: CallsOptions);
    on<K extends keyof CallsEvents>(name: K, listener: Listener<CallsEvents[K]>): () => void;
    /** Calls that this device knows of: ringing here, taken part in, or going on without it. */
    all(): LiveCall[];
    get(call: string): LiveCall | undefined;
    /** Who is to be seen and heard. Null: this device is not in the call. */
    scene(call: string): Scene | null;
    /** Calls. Shape: the call's id; another call's where the other side had called first (it is answered then). */
    request(conversation: string, options?: RequestOptions): Promise<string>;
    /** Answers a ring; `camera`: also with one's own picture. */
    answer(call: string, camera?: boolean): Promise<string>;
    /** Into a group's call; or here, into a call in which the user is with another device. */
    join(call: string, camera?: boolean): Promise<string>;
    reject(call: string): Promise<void>;
    /** Ends a call between two; leaves a group's, or ends it `for_all`. */
    hangUp(call: string, for_all?: boolean): Promise<void>;
    leave(call: string): Promise<void>;
    invite(call: string, callees: readonly string[]): Promise<void>;
    /** `target` takes this user's place once it has accepted. */
    transfer(call: string, target: string): Promise<void>;
    kick(call: string, target: string): Promise<void>;
    /** Of another participant, by a moderator; one's own microphone: `setMuted`. */
    mute(call: string, target: string, muted?: boolean): Promise<void>;
    hand(call: string, raised?: boolean): Promise<void>;
    /** From audio to video, with one's own camera. */
    upgrade(call: string): Promise<void>;
    hold(call: string): Promise<void>;
    resume(call: string): Promise<void>;
    /** To another engine; by a moderator, or by either of two that speak without one. */
    switchEngine(call: string, engine?: "" | "embedded" | "janus" | "livekit"): Promise<void>;
    devices(): Promise<Devices>;
    /** For calls from now on, and at once in those that are under way. */
    choose(chosen: Chosen): Promise<void>;
    setMuted(call: string, muted: boolean): void;
    /** Shape: whether it is so now. */
    setCamera(call: string, on: boolean): Promise<boolean>;
    setScreen(call: string, on: boolean): Promise<boolean>;
    /** What this device sends: whether the microphone is muted, the camera on, a screen shared. */
    own(call: string): {
        readonly muted: boolean;
        readonly camera: boolean;
        readonly screen: boolean;
        readonly held: boolean;
    };
    /** How much of somebody's picture this device wants. */
    layer(call: string, publisher: string, source: "camera" | "screen", layer: "high" | "low" | "off"): void;
    /** New connections for every call: the network has changed. A browser's `online` is heard by itself. */
    reconnect(): void;
    welcomed(user: string): void;
    heard(frame: CallNews): void;
    /** The conversation has the entry of a call that is over: who was not in it hears so by this alone. */
    noted(call: string): void;
    close(): void;
    private enter;
    /** Over here at once: nobody waits for a microphone to be let go of. */
    private goOut;
    private makeRoom;
    private moveRoom;
    private shut;
    private known;
    private made;
    private qualityOf;
    private mediaPort;
    /** Performs effects in order; those that a listener causes come after. */
    private apply;
    private perform;
    /** An engine that devices speak to themselves. */
    private needsClient;
    /** What the core asked for by itself: most of it is late when it is refused, and that is no trouble. */
    private ownFailed;
    private arm;
    private listen;
    private readonly onOnline;
}
