// The door: name and password, and every other way that the edge offers. Each way ends in a sign-in, or in the question for a second factor.

import { WarblerError, canPasskey, isSignedIn } from "/sdk/index.js";
import { byId, el, input } from "./dom.js";
import { secondStep } from "./secondstep.js";
import { attempt, button, form } from "./ui.js";

/** @typedef {import("/sdk/index.js").Client} Client */
/** @typedef {import("/sdk/index.js").Entry} Entry */

const main = /** @type {HTMLFormElement} */ (byId("signin-form"));
const failure = byId("signin-error");
const submit = /** @type {HTMLButtonElement} */ (byId("signin-submit"));
const more = byId("signin-more");
const step = byId("signin-step");
const NAME = /^[A-Za-z0-9._\-|[\]{}^`\\]+$/;
const PASSWORD_LETTERS = 8;

let registering = true;
/** @type {import("/sdk/index.js").Methods | null} */
let methods = null;

/** @param {boolean} on */
function setMode(on) {
  registering = on;
  byId("mode-register").setAttribute("aria-pressed", String(on));
  byId("mode-login").setAttribute("aria-pressed", String(!on));
  byId("name-label").textContent = on || !(methods?.email || methods?.phone) ? "Name" : "Name, e-mail or phone";
  input("password").autocomplete = on ? "new-password" : "current-password";
  byId("password-hint").hidden = !on;
  submit.textContent = on ? "Create account" : "Log in";
  failure.textContent = "";
}

/** What is wrong with the input; "" if nothing. @param {string} name @param {string} password */
function complaint(name, password) {
  if (name === "") return "Choose a name.";
  if (registering && !NAME.test(name)) return "A name has letters, digits and . _ - only.";
  if (password.length < PASSWORD_LETTERS) return `The password needs at least ${PASSWORD_LETTERS} characters.`;
  return "";
}

const WORDS = /** @type {Record<string, string>} */ ({
  name_taken: "This name is taken. Choose another, or log in.",
  bad_credentials: "The name or the password is wrong.",
  bad_code: "This code is wrong, or too old.",
  link_used: "This link was used already, or is too old. Ask for a new one.",
  access_denied: "The sign-in was broken off.",
  unreachable: "The server cannot be reached. Try again in a moment.",
});

/** @param {WarblerError} error */
const said = (error) => (error.code in WORDS ? new WarblerError(error.code, WORDS[error.code] ?? "") : error);

/**
 * Shows the ways in until somebody is signed in.
 *
 * @param {Client} client
 * @param {() => void} onSignedIn
 */
export function startSignIn(client, onSignedIn) {
  /** What every way comes to. @type {Enter} */
  const enter = async (work) => {
    let entry;
    try {
      entry = await work();
    } catch (error) {
      throw error instanceof WarblerError ? said(error) : error;
    }
    if (isSignedIn(entry)) finish();
    else showStep(secondStep(client, entry, enter, backToMain));
  };
  const finish = () => {
    input("password").value = "";
    backToMain();
    onSignedIn();
  };
  byId("mode-register").addEventListener("click", () => setMode(true));
  byId("mode-login").addEventListener("click", () => setMode(false));
  main.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = input("name").value.trim();
    const password = input("password").value;
    failure.textContent = complaint(name, password);
    if (failure.textContent !== "") return;
    submit.disabled = true;
    await attempt(failure, () => enter(() => (registering ? client.ways.register(name, password) : client.ways.password(name, password))));
    submit.disabled = false;
  });
  void offer(client, enter);
  void comeBack(client, enter);
}

/** @typedef {(work: () => Promise<Entry>) => Promise<void>} Enter */

/** The ways beside the password, as the edge has them. @param {Client} client @param {Enter} enter */
async function offer(client, enter) {
  try {
    methods = await client.ways.methods();
  } catch (error) {
    if (!(error instanceof WarblerError)) throw error; // the password remains
    return;
  }
  const { password, email, phone, passkey, providers } = methods;
  main.hidden = !password;
  setMode(registering);
  const error = el("p", { class: "error", role: "alert" });
  const ways = [
    passkey && canPasskey() ? button("Sign in with a passkey", () => attempt(error, () => enter(() => client.ways.passkey())), "plain way") : null,
    email ? button("Sign in with an e-mail code", () => showStep(codeStep(client, "email", enter)), "plain way") : null,
    phone ? button("Sign in with a phone code", () => showStep(codeStep(client, "phone", enter)), "plain way") : null,
    ...providers.map(({ id, name }) => el("a", { class: "plain way as-button", href: client.ways.providerUrl(id), text: `Continue with ${name}` })),
  ].filter((way) => way !== null);
  if (ways.length > 0) more.replaceChildren(...(password ? [el("p", { class: "or", text: "or" })] : []), el("div", { class: "ways" }, ...ways), error);
}

/** @param {HTMLElement} shown */
function showStep(shown) {
  byId("signin-main").hidden = true;
  step.replaceChildren(shown);
  step.hidden = false;
  /** @type {HTMLElement | null} */ (step.querySelector("input, button"))?.focus();
}

function backToMain() {
  byId("signin-main").hidden = false;
  step.hidden = true;
  step.replaceChildren();
}

/** Asks where to send a code, and then for the code. @param {Client} client @param {"email" | "phone"} kind @param {Enter} enter */
function codeStep(client, kind, enter) {
  const email = kind === "email";
  const back = button("Another way", backToMain);
  const field = { name: "to", label: email ? "E-mail address" : "Phone number", type: email ? "email" : "tel", required: true, attributes: { autocomplete: email ? "email" : "tel", placeholder: email ? "" : "+49 30 123456" } };
  const words = email ? "We send you a code, and a link that does the same." : "We send you a code by text message.";
  return form([field], "Send the code", async (values) => {
    const to = String(values["to"]);
    await client.ways.requestCode(kind, to);
    showStep(enterCode(client, kind, to, enter));
  }, { body: [el("p", { class: "step-text", text: words })], buttons: [back] });
}

/** @param {Client} client @param {"email" | "phone"} kind @param {string} to @param {Enter} enter */
function enterCode(client, kind, to, enter) {
  const again = button("Send it again", () => showStep(codeStep(client, kind, enter)));
  const field = { name: "code", label: "Code", required: true, hint: "It works for a few minutes, and once.", attributes: { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 12 } };
  const confirm = (/** @type {string} */ code) => enter(() => client.ways.code(kind, to, code));
  return form([field], "Sign in", (values) => confirm(String(values["code"]).replaceAll(/\s/g, "")), { body: [el("p", { class: "step-text", text: `If ${to} can be reached, a code is on its way.` })], buttons: [again] });
}

/** From a mail's link, or from another service: what the address brings, once. @param {Client} client @param {Enter} enter */
async function comeBack(client, enter) {
  const brought = new URLSearchParams(location.hash.slice(1));
  const [link, handoff, refused] = ["link", "handoff", "error"].map((name) => brought.get(name));
  if (!link && !handoff && !refused) return;
  history.replaceState(null, "", location.pathname + location.search);
  if (refused) {
    failure.textContent = WORDS[refused] ?? `The other service says: ${refused.replaceAll("_", " ")}.`;
    return;
  }
  await attempt(failure, () => enter(() => (link ? client.ways.link(link) : client.ways.handoff(handoff ?? ""))));
}

/** @param {string} reason shown above the button, "" for none */
export function showSignIn(reason) {
  byId("chat").hidden = true;
  byId("signin").hidden = false;
  document.title = "Warbler";
  backToMain();
  setMode(reason === "");
  failure.textContent = reason;
  (main.hidden ? /** @type {HTMLElement | null} */ (more.querySelector("button, a")) : input("name"))?.focus();
}
