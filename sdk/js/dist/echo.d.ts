import type { Ack, CommandFrame, EventItem } from "./frames.js";
export declare function eventOf(frame: CommandFrame, ack: Ack, user: string, device: string): EventItem | null;
/** The id of the link that the command with this id makes. */
export declare const linkOf: (command_id: string) => string;
