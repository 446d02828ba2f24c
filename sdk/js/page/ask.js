// Dialogs that are made when they are needed: a question, a confirmation, the proof that it is still you. The browser keeps the focus
// inside and gives it back; Escape is a no.

import { StepUpNeeded, WarblerError } from "/sdk/index.js";
import { el } from "./dom.js";
import { form, hint } from "./ui.js";

/** @typedef {import("./ui.js").Field} Field */
/** @typedef {import("./ui.js").Values} Values */

let asked = 0;

/**
 * Whether it was done. `act` runs before the dialog closes; what it raises is said in the dialog. `told`: there is nothing to decide.
 *
 * @param {{title: string, text?: string, fields?: readonly Field[], body?: Node[], after?: Node[], submit: string, danger?: boolean, wide?: boolean, told?: boolean,
 *   act: (values: Values) => Promise<unknown>}} question
 * @returns {Promise<boolean>}
 */
export function ask(question) {
  const id = `ask-${(asked += 1)}`;
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  const box = /** @type {HTMLDialogElement} */ (el("dialog", { class: question.wide ? "wide" : null, "aria-labelledby": id }));
  let done = false;
  const cancel = el("button", { type: "button", class: "plain", text: "Cancel" });
  cancel.addEventListener("click", () => box.close());
  const body = question.text === undefined ? [] : [el("p", { class: "ask-text", text: question.text })];
  const work = async (/** @type {Values} */ values) => {
    await question.act(values);
    done = true;
    box.close();
  };
  const kind = question.danger ? "primary danger-fill" : "primary";
  const inner = form(question.fields ?? [], question.submit, work, { body: [...body, ...(question.body ?? [])], after: question.after ?? [], buttons: question.told ? [] : [cancel], kind });
  box.append(el("h2", { id, text: question.title }), inner);
  document.body.append(box);
  box.showModal();
  const first = /** @type {HTMLElement | null} */ (inner.querySelector("input, select, textarea"));
  (first ?? (question.danger ? cancel : /** @type {HTMLElement} */ (inner.querySelector("[type=submit]")))).focus();
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      if (opener !== null && opener.isConnected) opener.focus();
      resolve(done);
    });
  });
}

/** @param {string} title @param {string} text @param {string} submit @param {() => Promise<unknown>} act */
export const confirm = (title, text, submit, act) => ask({ title, text, submit, danger: true, act });

/** Shows something that is seen only now, like recovery codes. @param {string} title @param {Node[]} body @param {string} submit */
export const show = (title, body, submit = "Done") => ask({ title, body, submit, told: true, act: async () => undefined });

const KINDS = /** @type {const} */ ({ password: "Your password", totp: "Code of your authenticator app", recovery_codes: "One of your recovery codes" });

/**
 * Does the work; where the edge first wants to know that it is still the user, asks for a proof and does it again.
 *
 * @template T
 * @param {import("/sdk/index.js").Client} client
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function steppedUp(client, work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StepUpNeeded)) throw error;
    if (!(await prove(client))) throw new WarblerError("cancelled", "");
    return work();
  }
}

/** @param {import("/sdk/index.js").Client} client */
async function prove({ rest: { people } }) {
  const [me, { factors, recovery_codes_left }] = await Promise.all([people.me(), people.factors()]);
  const passkey = factors.some((factor) => factor.kind === "passkey");
  /** @type {(keyof typeof KINDS)[]} */
  const kinds = [];
  if (me.password && factors.length === 0) kinds.push("password"); // who has a second factor shows that
  if (factors.some((factor) => factor.kind === "totp")) kinds.push("totp");
  if (recovery_codes_left > 0) kinds.push("recovery_codes");
  const way = kinds.length > 1 ? [{ name: "kind", label: "Show it by", options: kinds.map((kind) => /** @type {[string, string]} */ ([kind, KINDS[kind]])) }] : [];
  const secret = { name: "secret", label: kinds.length === 1 ? KINDS[/** @type {keyof typeof KINDS} */ (kinds[0])] : "Password or code", type: "password", required: true, attributes: { autocomplete: "current-password" } };
  const text = "This is a sensitive change. Show that it is still you.";
  if (kinds.length === 0 && !passkey) return show("Is it you?", [hint("There is nothing to show it by: sign in again, then try once more.")]).then(() => false);
  const act = async (/** @type {Values} */ values) => {
    if (kinds.length === 0) return people.stepUpByPasskey();
    const kind = /** @type {keyof typeof KINDS} */ (values["kind"] ?? kinds[0]);
    const given = String(values["secret"]);
    await people.stepUp(kind === "password" ? { kind, password: given } : { kind, code: given.replaceAll(/\s/g, "") });
  };
  if (kinds.length === 0) return ask({ title: "Is it you?", text, body: [hint("Your passkey will be asked for.")], submit: "Use a passkey", act });
  return ask({ title: "Is it you?", text, fields: [...way, secret], submit: "Continue", act });
}
