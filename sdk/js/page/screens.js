// Screens beside the conversations: which one an address names, and how it is shown. An address is a hash, so every screen can be linked.

import { accountScreen } from "./account.js";
import { contactScreen, contactsScreen } from "./contacts.js";
import { devicesScreen } from "./devices.js";
import { byId, el } from "./dom.js";
import { groupScreen } from "./group.js";
import { groupsScreen, joinScreen, newGroupScreen } from "./groups.js";
import { notificationsScreen } from "./notifications.js";
import { privacyScreen } from "./privacy.js";
import { adminPushScreen } from "./push_admin.js";
import { pushLogScreen } from "./push_log.js";
import { securityScreen } from "./security.js";
import { webhooksScreen } from "./webhooks.js";

/**
 * What a screen may use. `listen`: hears of changes as long as the screen is shown. `title`: the head's text, once it is known.
 *
 * @typedef {{kind: "roster" | "directory"} | {kind: "event", conversation: string, event: import("/sdk/index.js").EventItem}} Heard
 * @typedef {{client: import("/sdk/index.js").Client, model: () => import("./model.js").Model,
 *   contacts: import("./people.js").Contacts, push: import("./push.js").Push, toast: (text: string) => void, go: (hash: string) => void, openDirect: (user: string) => Promise<void>,
 *   leave: (reason: string) => void, names: (users: readonly string[]) => Promise<void>, title: (text: string) => void,
 *   listen: (listener: (heard: Heard) => void) => void}} Page
 * @typedef {(page: Page, parts: string[]) => (Node | null)[]} Screen
 */

/** `up`: where the back button of a phone leads. @type {{at: RegExp, place: string, up: string, title: string, screen: Screen}[]} */
const ROUTES = [
  { at: /^\/contacts(?:\/(\w+))?$/, place: "contacts", up: "", title: "Contacts", screen: contactsScreen },
  { at: /^\/contact\/([^/]+)$/, place: "contacts", up: "/contacts", title: "Contact", screen: contactScreen },
  { at: /^\/groups$/, place: "groups", up: "", title: "Groups", screen: groupsScreen },
  { at: /^\/groups\/new$/, place: "groups", up: "/groups", title: "New group", screen: newGroupScreen },
  { at: /^\/join\/([^/]+)\/([^/]+)\/([^/]+)$/, place: "groups", up: "/groups", title: "Join a group", screen: joinScreen },
  { at: /^\/group\/([^/]+)(?:\/(\w+))?$/, place: "groups", up: "$1", title: "Group", screen: groupScreen },
  { at: /^\/account$/, place: "account", up: "", title: "Account", screen: accountScreen },
  { at: /^\/account\/security$/, place: "account", up: "", title: "Account", screen: securityScreen },
  { at: /^\/account\/devices$/, place: "account", up: "", title: "Account", screen: devicesScreen },
  { at: /^\/account\/privacy$/, place: "account", up: "", title: "Account", screen: privacyScreen },
  { at: /^\/account\/notifications$/, place: "account", up: "", title: "Account", screen: notificationsScreen },
  { at: /^\/account\/pushes$/, place: "account", up: "/account/notifications", title: "Push log", screen: pushLogScreen },
  { at: /^\/admin\/pushes(?:\/(\w+))?$/, place: "account", up: "/account/pushes", title: "Pushes of everybody", screen: adminPushScreen },
  { at: /^\/admin\/webhooks(?:\/([^/]+))?$/, place: "account", up: "/account/pushes", title: "Webhooks", screen: webhooksScreen },
];

/** @param {Omit<Page, "title" | "listen">} base */
export function startScreens(base) {
  /** @type {((heard: Heard) => void)[]} */
  let listeners = [];
  let shown = "";
  const head = byId("screen-title");
  const body = byId("screen-body");
  let up = "";
  byId("screen-back").addEventListener("click", () => base.go(up));

  /** Shows the address's screen. Shape: the place it belongs to, or "" if no screen has this address. @param {string} address */
  const show = (address) => {
    if (address === shown) return placeOf(address);
    const route = ROUTES.find((each) => each.at.test(address));
    shown = route === undefined ? "" : address;
    listeners = [];
    if (route === undefined) return "";
    const parts = (route.at.exec(address) ?? []).slice(1).map((part) => decodeURIComponent(part ?? ""));
    up = route.up.replace("$1", parts[0] ?? "");
    const title = (/** @type {string} */ text) => {
      if (shown === address) head.textContent = text;
    };
    title(route.title);
    const listen = (/** @type {(heard: Heard) => void} */ listener) => {
      if (shown === address) listeners.push(listener);
    };
    const kept = body.dataset["place"] === route.place;
    body.dataset["place"] = route.place;
    body.replaceChildren(...route.screen({ ...base, title, listen }, parts).filter((node) => node !== null));
    body.scrollTop = 0;
    focusAfter(kept, address);
    return route.place;
  };

  /** A tab that was followed keeps the focus; a new screen says its title. @param {boolean} kept @param {string} address */
  const focusAfter = (kept, address) => {
    const tab = kept ? /** @type {HTMLElement | null} */ (body.querySelector(`.screen-tabs a[href="#${CSS.escape(address)}"]`)) : null;
    (tab ?? head).focus({ preventScroll: true });
  };
  return {
    show,
    hide: () => {
      shown = "";
      listeners = [];
      body.replaceChildren();
    },
    heard: (/** @type {Heard} */ heard) => {
      for (const listener of listeners) listener(heard);
    },
  };
}

/** The group that a screen's hash names, or "". @param {string} hash */
export const groupOf = (hash) => decodeURIComponent(/^#\/group\/([^/]+)/.exec(hash)?.[1] ?? "");

/** @param {string} address */
const placeOf = (address) => ROUTES.find((each) => each.at.test(address))?.place ?? "";

/** The tabs of a screen that has several. @param {string} label @param {readonly [string, string][]} tabs address and words @param {string} here */
export function tabs(label, tabs, here) {
  const links = tabs.map(([address, text]) => el("a", { href: `#${address}`, "aria-current": address === here ? "page" : null, text }));
  // on a phone they are wider than the window
  requestAnimationFrame(() => links.find((link) => link.hasAttribute("aria-current"))?.scrollIntoView({ block: "nearest", inline: "center" }));
  return el("nav", { class: "screen-tabs", "aria-label": label }, ...links);
}
