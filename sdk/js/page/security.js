// Second factors and passkeys: what the account has, and how more are added. Recovery codes are shown once.

import { canPasskey } from "/sdk/index.js";
import { accountTabs } from "./account.js";
import { ask, confirm, show, steppedUp } from "./ask.js";
import { el, qrPicture } from "./dom.js";
import { fullTimeOf } from "./format.js";
import { button, card, hint, region, row, rows } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */

/** @type {import("./screens.js").Screen} */
export function securityScreen(page) {
  return [accountTabs("/account/security"), region(async (refresh) => factorCards(page, refresh)).box];
}

const KINDS = /** @type {Record<string, string>} */ ({ totp: "Authenticator app", passkey: "Passkey" });

/** @param {Page} page @param {() => Promise<void>} refresh */
async function factorCards(page, refresh) {
  const { factors, recovery_codes_left } = await page.client.rest.people.factors();
  const item = (/** @type {import("/sdk/index.js").Factor} */ factor) => {
    const used = factor.used_at_ms ? `last used ${fullTimeOf(factor.used_at_ms)}` : "not used yet";
    const name = factor.name || KINDS[factor.kind] || factor.kind;
    const remove = async () => {
      const words = "It can no longer be used to sign in.";
      if (await confirm(`Remove “${name}”?`, words, "Remove", () => steppedUp(page.client, () => page.client.rest.people.removeFactor(factor.factor)))) await refresh();
    };
    return row(null, name, `${KINDS[factor.kind] ?? factor.kind} · added ${fullTimeOf(factor.added_at_ms)} · ${used}`, button("Remove", remove, "plain danger", { "aria-label": `Remove ${name}` }));
  };
  const of = (/** @type {string} */ kind) => factors.filter((factor) => factor.kind === kind).map(item);
  const recovery = async () => {
    const codes = await newCodes(page, recovery_codes_left);
    if (codes) await refresh();
  };
  return [
    card(
      "Passkeys",
      hint("Sign in with your fingerprint, your face or a security key, and no password."),
      rows("Passkeys", of("passkey"), "None yet."),
      el("div", { class: "button-row" }, button("Add a passkey", () => addPasskey(page, refresh), canPasskey() ? "primary" : "plain")),
    ),
    card(
      "Authenticator app",
      hint("A code that changes every half minute, asked for after your password."),
      rows("Authenticator apps", of("totp"), "None yet."),
      el("div", { class: "button-row" }, button("Add an authenticator app", () => addTotp(page, refresh), "primary")),
    ),
    card(
      "Recovery codes",
      hint(recovery_codes_left === 0 ? "You have none. Each lets you in once, if your phone is lost." : `${recovery_codes_left} of them are left. Each lets you in once, if your phone is lost.`),
      el("div", { class: "button-row" }, button("Make new recovery codes", recovery)),
    ),
  ];
}

/** @param {Page} page @param {() => Promise<void>} refresh */
async function addPasskey(page, refresh) {
  /** @type {readonly string[] | null} */
  let codes = null;
  const added = await ask({
    title: "Add a passkey",
    fields: [{ name: "name", label: "What do you call it?", hint: "Like “My phone”. Then your device asks you to confirm.", attributes: { maxlength: 64 } }],
    submit: "Continue",
    act: async (values) => {
      const added = await steppedUp(page.client, () => page.client.rest.people.enrolPasskey(String(values["name"])));
      codes = added.recovery_codes;
    },
  });
  if (!added) return;
  if (codes !== null) await showCodes(codes);
  page.toast("The passkey is added.");
  await refresh();
}

/** @param {Page} page @param {() => Promise<void>} refresh */
async function addTotp(page, refresh) {
  const begun = await steppedUp(page.client, () => page.client.rest.people.enrolTotp("")).catch((error) => {
    if (error.code !== "cancelled") page.toast(error.detail ?? String(error));
    return null;
  });
  if (begun === null) return;
  /** @type {readonly string[] | null} */
  let codes = null;
  const confirmed = await ask({
    title: "Add an authenticator app",
    body: totpBody(begun),
    fields: [{ name: "code", label: "The code that the app shows now", required: true, attributes: { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 8 } }],
    submit: "Confirm",
    act: async (values) => {
      const code = String(values["code"]).replaceAll(/\s/g, "");
      codes = (await steppedUp(page.client, () => page.client.rest.people.confirmTotp(begun.factor, code))).recovery_codes;
    },
  });
  if (confirmed && codes !== null) await showCodes(codes);
  await refresh();
}

/** @param {{secret: string, qr_svg: string}} begun */
export function totpBody({ secret, qr_svg }) {
  const picture = qrPicture(qr_svg, "QR code of the secret below");
  const spaced = (secret.match(/.{1,4}/g) ?? []).join(" ");
  return [hint("Scan this with the app, or type the secret into it."), picture, el("p", { class: "secret", text: spaced })];
}

/** @param {Page} page @param {number} left */
async function newCodes(page, left) {
  /** @type {readonly string[]} */
  let codes = [];
  const make = async () => {
    codes = await steppedUp(page.client, () => page.client.rest.people.newRecoveryCodes());
  };
  const text = left > 0 ? "Those that you have stop working." : "They are shown once: keep them in a safe place.";
  const done = await ask({ title: "Make new recovery codes?", text, submit: "Make them", act: make });
  if (done) await showCodes(codes);
  return done;
}

/** @param {readonly string[]} codes */
export function showCodes(codes) {
  const list = el("ul", { class: "codes", "aria-label": "Recovery codes" }, ...codes.map((code) => el("li", { text: code })));
  const copy = button("Copy them", () => navigator.clipboard?.writeText(codes.join("\n")));
  return show("Your recovery codes", [hint("They are not shown again. Each works once. Write them down, or keep them in a password manager."), list, copy], "I have kept them");
}
