// Notifications: on this device, when to be quiet, what is shown; and what became of the last ones.

import { accountTabs } from "./account.js";
import { el, icon } from "./dom.js";
import { whenOf } from "./format.js";
import { EVERYWHERE, modeCard } from "./push_modes.js";
import { CHANNELS } from "./push_words.js";
import { attempt, button, card, errorLine, form, hint, link, region, row, rows, tag } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */
/** @typedef {import("/sdk/index.js").PushSettings} Settings */

const BELL = "M6 16v-5a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5h4";
const NIGHT = { from: "22:00", until: "07:00" };
/** Those of streams/push/texts. @type {Record<string, string>} */
const LANGUAGES = {
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  it: "Italiano",
  ja: "日本語",
  ko: "한국어",
  pl: "Polski",
  pt: "Português",
  ru: "Русский",
  zh: "简体中文",
  "zh-hant": "繁體中文",
};
const STATES = /** @type {Record<import("./push.js").State, string>} */ ({
  unsupported: "This browser cannot be reached while the page is closed. On an iPhone or iPad, put the page on the home screen first and open it from there.",
  insecure: "Browsers allow notifications only where a page came by https.",
  no_service: "This server sends no notifications to browsers.",
  denied: "You told the browser to show no notifications of this page. Allow them in the browser's settings for this address, then come back.",
  off: "The browser asks you whether it may. Then you are told of messages also while this page is closed, and you stay signed in here.",
  on: "You are told of messages also while this page is closed, and you stay signed in here.",
});

/** @type {import("./screens.js").Screen} */
export function notificationsScreen(page) {
  const device = region(async (refresh) => deviceCards(page, refresh));
  const settings = region(async () => settingsCards(page, (await page.client.rest.push.mine()).settings));
  return [accountTabs("/account/notifications"), device.box, modeCard(page, EVERYWHERE, "Everywhere"), settings.box, logCard()];
}

/** @param {Page} page @param {() => Promise<void>} refresh */
async function deviceCards(page, refresh) {
  const { devices } = await page.client.rest.push.mine(page.client.device);
  const state = await page.push.state(devices);
  const error = errorLine();
  const turn = (/** @type {() => Promise<void>} */ work) => async () => {
    const done = await attempt(error, work);
    if (done || (await page.push.state(devices)) === "denied") await refresh();
  };
  const on = button("Turn on", turn(() => page.push.turnOn()), "primary", { "data-focus": "turn" });
  const off = button("Turn off", turn(() => page.push.turnOff()), "plain", { "data-focus": "turn" });
  const items = devices.map(deviceRow);
  return [
    card("On this device", el("div", { class: "push-state" }, tag(state === "on" ? "On" : "Off", state === "on" ? "good" : ""), hint(STATES[state])), el("div", { class: "button-row" }, state === "off" ? on : state === "on" ? off : null), error),
    card("Where you are told", rows("Devices with notifications", items, "On no device yet.")),
  ];
}

/** @param {import("/sdk/index.js").PushDevice} each */
function deviceRow({ device, channel, registered_at_ms, this_device }) {
  const below = `${CHANNELS[channel] ?? channel} · since ${whenOf(registered_at_ms, Date.now())}`;
  return row(el("span", { class: "picture" }, icon(BELL)), this_device ? "This browser" : `Device ${device.slice(0, 8)}`, below, this_device ? tag("This device", "good") : null);
}

/** @param {Page} page @param {Settings} settings */
function settingsCards(page, settings) {
  // what is not given stays as it is; and nothing is read anew, because the other card may be half changed
  const save = async (/** @type {Partial<Settings>} */ change) => {
    await page.client.rest.push.setSettings(change);
    page.toast("Saved.");
  };
  return [quietCard(settings, save), shownCard(settings, save)];
}

/** @param {Settings} settings @param {(change: Partial<Settings>) => Promise<void>} save */
function quietCard({ time_zone, quiet_from, quiet_until, quiet_lets }, save) {
  const on = quiet_from !== quiet_until;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = [...new Set([time_zone, here, "UTC", ...Intl.supportedValuesOf("timeZone")])].sort();
  const inner = form(
    [
      { name: "on", label: "Be quiet every night", type: "checkbox", value: on },
      { name: "from", label: "From", type: "time", value: on ? quiet_from : NIGHT.from, required: true },
      { name: "until", label: "Until", type: "time", value: on ? quiet_until : NIGHT.until, required: true },
      { name: "time_zone", label: "Time zone", value: on ? time_zone : here, options: zones.map((zone) => /** @type {[string, string]} */ ([zone, zone.replaceAll("_", " ")])), hint: "The hours are those of this place, also where summer time begins or ends in between." },
      { name: "calls", label: "Let calls through", type: "checkbox", value: quiet_lets.includes("calls") },
      { name: "mentions", label: "Let through what mentions me", type: "checkbox", value: quiet_lets.includes("mentions") },
    ],
    "Save quiet hours",
    (values) => {
      const quiet = values["on"] === true ? { quiet_from: String(values["from"]), quiet_until: String(values["until"]) } : { quiet_from: "00:00", quiet_until: "00:00" };
      const lets = /** @type {const} */ (["mentions", "calls"]).filter((name) => values[name] === true);
      return save({ ...quiet, quiet_lets: lets, time_zone: String(values["time_zone"]) });
    },
  );
  return card("Quiet hours", hint("Messages come in as ever; no device makes a sound about them."), inner);
}

/** @param {Settings} settings @param {(change: Partial<Settings>) => Promise<void>} save */
function shownCard({ content_shown, badge, alert_on, locale }, save) {
  /** @type {[string, string][]} */
  const languages = [["", "As the device has it"], ...Object.entries(LANGUAGES)];
  if (!languages.some(([name]) => name === locale)) languages.push([locale, locale]);
  const inner = form(
    [
      { name: "content_shown", label: "Show who wrote, and what", type: "checkbox", value: content_shown, hint: "Otherwise a notification only says that there is something new." },
      { name: "badge", label: "Show how many are unread on the app's icon", type: "checkbox", value: badge },
      { name: "alert_on", label: "Notify", value: alert_on, options: [["all", "All my devices"], ["last_used", "Only the device that I used last"]] },
      { name: "locale", label: "Language of notifications", value: locale, options: languages },
    ],
    "Save what is shown",
    (values) => save({ content_shown: values["content_shown"] === true, badge: values["badge"] === true, alert_on: /** @type {Settings["alert_on"]} */ (values["alert_on"]), locale: String(values["locale"]) }),
  );
  return card("What is shown", inner);
}

const logCard = () => card("Something did not arrive?", hint("See what became of each notification, and why one was held back."), el("div", { class: "button-row" }, link("#/account/pushes", "Push log", "plain as-button")));
