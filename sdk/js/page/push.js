// Pushes on this device: whether they can be had, the subscription, and what the service worker has to know. Example for app developers: docs/push.md.

import { BrowserPush, WarblerError } from "/sdk/index.js";

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
    this.browser = new BrowserPush(client.rest.push, client.device, navigator.language);
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

  /** @param {readonly import("/sdk/index.js").PushDevice[]} devices those that the server knows. Raises: RestError, Unreachable. @returns {Promise<State>} */
  async state(devices) {
    if (!isSecureContext) return "insecure";
    if (!can()) return "unsupported";
    if ((await this.serverKey()) === "") return "no_service";
    if (Notification.permission === "denied") return "denied";
    const known = devices.some(({ this_device, channel }) => this_device && channel === "webpush");
    return known && this.registered && (await subscription()) !== null ? "on" : "off";
  }

  get registered() {
    return can() && this.store.getItem(REGISTERED) !== null;
  }

  /** The key that this server signs its pushes with; "" where it sends none to browsers. */
  async serverKey() {
    const channels = await this.client.rest.push.channels();
    return channels.find(({ channel }) => channel === "webpush")?.application_server_key ?? "";
  }

  /** By a press of the user: the browser asks only then. Raises: WarblerError, in words for the user. */
  async turnOn() {
    const granted = (await Notification.requestPermission()) === "granted"; // first: a press counts for a few seconds only
    if (!granted) throw new WarblerError("denied", "The browser was told to show no notifications of this page.");
    await navigator.serviceWorker.register(WORKER);
    const registration = await navigator.serviceWorker.ready;
    // one that was somebody else's is left behind: what is on its way there must not be shown to this user
    if (!this.registered) await (await subscription())?.unsubscribe();
    await this.tellWorker(await this.serverKey()); // before the first push
    if (!(await this.subscribed(registration))) throw new WarblerError("no_service", "This server sends no notifications to browsers.");
    this.store.setItem(REGISTERED, (await subscription())?.endpoint ?? "");
    await this.store.keep();
  }

  /** @param {ServiceWorkerRegistration} registration */
  async subscribed(registration) {
    try {
      return await this.browser.subscribe(registration);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      throw new WarblerError("no_push_service", "The browser's push service gave no address. Is it reachable, and on in the browser's settings?");
    }
  }

  /** On this device; the server forgets where it was. */
  async turnOff() {
    await this.client.rest.push.remove("webpush", this.client.device);
    await this.forget();
  }

  /** What this browser keeps is gone: at a sign-out, whose end takes the token with it on the server. */
  async forget() {
    const registered = this.registered;
    this.read.clear();
    await this.badge(0);
    this.store.removeItem(REGISTERED);
    this.store.release();
    if (!registered) return;
    await (await subscription())?.unsubscribe().catch(() => false); // the push service cannot be reached: nobody sends there any more
    await toWorker(null);
  }

  /** After each connection: the worker gets the newest token, the server a subscription that the browser changed. */
  async renew() {
    if (!this.registered) return;
    try {
      const now = await subscription();
      if (now === null) return this.store.removeItem(REGISTERED); // taken back in the browser's settings
      await this.tellWorker(await this.serverKey());
      if (this.store.getItem(REGISTERED) === now.endpoint) return;
      await this.browser.refresh(await navigator.serviceWorker.ready);
      this.store.setItem(REGISTERED, now.endpoint);
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

const subscription = async () => (await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription()) ?? null;

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
