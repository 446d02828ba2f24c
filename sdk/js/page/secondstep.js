// The second step of a sign-in: a code, a passkey or a recovery code; or, where the rules ask for one and there is none yet, making one.

import { canPasskey } from "/sdk/index.js";
import { showCodes, totpBody } from "./security.js";
import { el } from "./dom.js";
import { attempt, button, control, errorLine, form, hint } from "./ui.js";

/** @typedef {import("/sdk/index.js").Client} Client */
/** @typedef {import("/sdk/index.js").FactorNeeded} FactorNeeded */
/** @typedef {(work: () => Promise<import("/sdk/index.js").Entry>) => Promise<void>} Enter what every way comes to: also this one may need yet another step */

const WORDS = /** @type {Record<string, string>} */ ({ totp: "Use your authenticator app", passkey: "Use a passkey", recovery_codes: "Use a recovery code" });

/** @param {Client} client @param {FactorNeeded} needed @param {Enter} enter @param {() => void} back */
export function secondStep(client, needed, enter, back) {
  const box = el("div");
  const show = (/** @type {string} */ kind) => {
    const others = needed.factors.filter((each) => each !== kind && each in WORDS).map((each) => button(WORDS[each] ?? each, () => show(each), "plain way"));
    const made = needed.enrol ? enrolStep(client, needed, enter) : kind === "passkey" ? passkeyStep(client, needed, enter) : codeStep(client, needed, kind, enter);
    box.replaceChildren(el("h2", { text: needed.enrol ? "One more thing to sign in with" : "Is it you?" }), ...made, el("div", { class: "ways" }, ...(needed.enrol ? [] : others), button("Start over", back, "plain way")));
    /** @type {HTMLElement | null} */ (box.querySelector("input:not([type=checkbox]), button"))?.focus();
  };
  const first = /** @type {const} */ (["totp", "passkey", "recovery_codes"]).find((kind) => needed.factors.includes(kind)) ?? "totp";
  show(first);
  return box;
}

const remembered = () => control({ name: "remember", label: "Do not ask again on this device", type: "checkbox" });

/** @param {Client} client @param {FactorNeeded} needed @param {string} kind @param {Enter} enter */
function codeStep(client, needed, kind, enter) {
  const recovery = kind === "recovery_codes";
  /** @type {Record<string, string | number>} */
  const attributes = recovery ? { autocapitalize: "none", maxlength: 40 } : { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 8 };
  const fields = [
    { name: "code", label: recovery ? "One of your recovery codes" : "Code of your authenticator app", required: true, attributes },
    { name: "remember", label: "Do not ask again on this device", type: "checkbox" },
  ];
  const act = async (/** @type {import("./ui.js").Values} */ values) => {
    const code = String(values["code"]).replaceAll(/\s/g, "");
    await enter(() => client.ways.factor(needed, { kind: recovery ? "recovery_codes" : "totp", code }, values["remember"] === true));
  };
  return [form(fields, "Continue", act)];
}

/** @param {Client} client @param {FactorNeeded} needed @param {Enter} enter */
function passkeyStep(client, needed, enter) {
  const error = errorLine();
  const remember = remembered();
  const act = () => enter(() => client.ways.passkeyFactor(needed, remember.read() === true));
  return [button("Use your passkey", () => attempt(error, act), "primary"), remember.box, error];
}

/** The rules want a second factor, and there is none: it is made now, and then the sign-in goes on. @param {Client} client @param {FactorNeeded} needed @param {Enter} enter */
function enrolStep(client, needed, enter) {
  const box = el("div");
  const error = errorLine();
  const people = client.ways.enrolling(needed);
  const done = async (/** @type {readonly string[] | null} */ codes) => {
    if (codes !== null) await showCodes(codes);
    await enter(() => client.ways.enrolled(needed));
  };
  const key = async () => done((await people.enrolPasskey()).recovery_codes);
  const app = async () => {
    const begun = await people.enrolTotp();
    const field = { name: "code", label: "The code that the app shows now", required: true, attributes: { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 8 } };
    const act = async (/** @type {import("./ui.js").Values} */ values) => done((await people.confirmTotp(begun.factor, String(values["code"]).replaceAll(/\s/g, ""))).recovery_codes);
    box.replaceChildren(form([field], "Confirm", act, { body: totpBody(begun) }));
    box.querySelector("input")?.focus();
  };
  const ways = [button("Add an authenticator app", () => attempt(error, app), "primary way"), canPasskey() ? button("Add a passkey", () => attempt(error, key), "plain way") : null];
  box.replaceChildren(hint("Your account needs a second proof besides the password, from now on."), el("div", { class: "ways" }, ...ways.filter((way) => way !== null)));
  return [box, error];
}
