// Pushes on this device: whether they can be had, the subscription, and what the service worker has to know. Example for app developers: docs/push.md.

import { WarblerError } from "/sdk/index.js";
import { pushOf } from "./push_calls.js";

/**
 * unsupported: this browser has none. insecure: the page came by http. denied: the user said no, and only the browser's settings help.
 *
 * @typedef {"unsupported" | "insecure" | "no_service" | "denied" | "off" | "on"} State
 */

const WORKER = "/push-worker.js";
const REGISTERED = "warbler.push"; // the endpoint that the server knows of this device
const WORKER_MS = 5_000;

export class Push {
  /** @param {import("/sdk/index.js").Client} client @param {import("./kept.js").Store} store @param {(conversation: string) => void} open */
  constructor(client, store, open) {
    this.client = client;
    this.store = store;
    this.read = new Map(); // what was closed already: both are asked with every redraw
    this.shown_badge = 0;
    if (!can()) return;
    navigator.serviceWorker.addEventListener("message", ({ data, ports }) => {
      if (data?.user !== client.signedIn?.user) return; // of somebody else, who may have a window too
      ports[0]?.postMessage(true);
      if (data.type === "open") open(data.conversation);
      else if (data.type === "register") void this.renew();
    });
  }

  /** Raises: RestError, Unreachable. @returns {Promise<State>} */
  async state() {
    if (!isSecureContext) return "insecure";
    if (!can()) return "unsupported";
    if ((await this.serverKey()) === "") return "no_service";
    if (Notification.permission === "denied") return "denied";
    const subscription = await currentSubscription();
    return subscription !== null && this.store.getItem(REGISTERED) === subscription.endpoint ? "on" : "off";
  }

  get registered() {
    return can() && this.store.getItem(REGISTERED) !== null;
  }

  /** The key that this server signs its pushes with; "" where it sends none to browsers. */
  async serverKey() {
    const { channels } = await pushOf(this.client).channels();
    return channels.find((/** @type {any} */ { channel }) => channel === "webpush")?.application_server_key ?? "";
  }

  /** By a press of the user: the browser asks only then. Raises: WarblerError, in words for the user. */
  async turnOn() {
    if ((await Notification.requestPermission()) !== "granted") throw new WarblerError("denied", "The browser was told to show no notifications of this page.");
    const registration = await navigator.serviceWorker.register(WORKER);
    await navigator.serviceWorker.ready;
    const key = await this.serverKey();
    // one that was somebody else's is left behind: what is on its way there must not be shown to this user
    if (this.store.getItem(REGISTERED) === null) await (await registration.pushManager.getSubscription())?.unsubscribe();
    await this.register(await subscribed(registration, key), key);
    await this.store.keep();
  }

  /** @param {PushSubscription} subscription @param {string} key */
  async register(subscription, key) {
    await this.tellWorker(key); // before the first push
    await pushOf(this.client).register("webpush", { token: JSON.stringify(subscription), locale: navigator.language });
    this.store.setItem(REGISTERED, subscription.endpoint);
  }

  /** On this device; the server forgets where it was. */
  async turnOff() {
    await this.forget();
    await pushOf(this.client).remove("webpush");
  }

  /** What this browser keeps is gone: at a sign-out, whose end takes the token with it on the server. */
  async forget() {
    const registered = this.registered;
    this.read.clear();
    await this.badge(0);
    this.store.removeItem(REGISTERED);
    this.store.release();
    if (!registered) return;
    await (await currentSubscription())?.unsubscribe().catch(() => false); // the push service cannot be reached: nobody sends there any more
    await toWorker(null);
  }

  /** After each connection: the worker gets the newest token, the server a subscription that the browser changed. */
  async renew() {
    if (!this.registered) return;
    try {
      const subscription = await currentSubscription();
      if (subscription === null) return this.store.removeItem(REGISTERED); // taken back in the browser's settings
      const key = await this.serverKey();
      if (this.store.getItem(REGISTERED) === subscription.endpoint) await this.tellWorker(key);
      else await this.register(subscription, key);
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error; // at the next connection
    }
  }

  /** @param {string} application_server_key */
  async tellWorker(application_server_key) {
    const { signedIn } = this.client;
    if (signedIn !== null) await toWorker({ user: signedIn.user, access_token: signedIn.access_token, application_server_key });
  }

  /** Closes what was shown about a conversation and is read now. @param {string} conversation @param {number} seq */
  async closeRead(conversation, seq) {
    if (!this.registered || (this.read.get(conversation) ?? 0) >= seq) return;
    this.read.set(conversation, seq);
    const registration = await navigator.serviceWorker.getRegistration();
    for (const shown of (await registration?.getNotifications()) ?? []) if (shown.data?.conversation === conversation && shown.data.seq <= seq) shown.close();
  }

  /** The number on the app's icon, where there is one. @param {number} unread */
  async badge(unread) {
    if (!("setAppBadge" in navigator) || !this.registered || unread === this.shown_badge) return;
    this.shown_badge = unread;
    await (unread > 0 ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => undefined); // not installed
  }
}

const can = () => "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;

const currentSubscription = async () => (await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription()) ?? null;

/** @param {ServiceWorkerRegistration} registration @param {string} applicationServerKey */
async function subscribed(registration, applicationServerKey) {
  const options = { userVisibleOnly: true, applicationServerKey };
  try {
    return await registration.pushManager.subscribe(options);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "InvalidStateError") return anew(registration, options);
    throw new WarblerError("no_push_service", "The browser's push service gave no address. Is it reachable, and on in the browser's settings?");
  }
}

/** The server has another key than before. @param {ServiceWorkerRegistration} registration @param {PushSubscriptionOptionsInit} options */
async function anew(registration, options) {
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  return registration.pushManager.subscribe(options);
}

/** Waits until the worker has kept it. @param {object | null} owner */
async function toWorker(owner) {
  const worker = (await navigator.serviceWorker.getRegistration())?.active;
  if (worker == null) return;
  const { port1, port2 } = new MessageChannel();
  await new Promise((/** @type {(done: unknown) => void} */ done) => {
    port1.onmessage = done;
    setTimeout(done, WORKER_MS); // a worker that does not start shows nothing either
    worker.postMessage({ type: "owner", owner }, [port2]);
  });
}
