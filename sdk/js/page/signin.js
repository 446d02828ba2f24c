// Sign up and log in: one form with two modes.

import { WarblerError } from "/sdk/index.js";
import { byId, input } from "./dom.js";

const form = /** @type {HTMLFormElement} */ (byId("signin-form"));
const failure = byId("signin-error");
const submit = /** @type {HTMLButtonElement} */ (byId("signin-submit"));
const NAME = /^[A-Za-z0-9._\-|[\]{}^`\\]+$/;
const PASSWORD_LETTERS = 8;

let registering = true;

/** @param {boolean} on */
function setMode(on) {
  registering = on;
  byId("mode-register").setAttribute("aria-pressed", String(on));
  byId("mode-login").setAttribute("aria-pressed", String(!on));
  input("password").autocomplete = on ? "new-password" : "current-password";
  byId("password-hint").hidden = !on;
  submit.textContent = on ? "Create account" : "Log in";
  failure.textContent = "";
}

/** What is wrong with the input; "" if nothing. @param {string} name @param {string} password */
function complaint(name, password) {
  if (name === "") return "Choose a name.";
  if (!NAME.test(name)) return "A name has letters, digits and . _ - only.";
  if (password.length < PASSWORD_LETTERS) return `The password needs at least ${PASSWORD_LETTERS} characters.`;
  return "";
}

/** @param {WarblerError} error */
function wordsOf(error) {
  switch (error.code) {
    case "name_taken":
      return "This name is taken. Choose another, or log in.";
    case "bad_credentials":
      return "The name or the password is wrong.";
    case "unreachable":
      return "The server cannot be reached. Try again in a moment.";
    default:
      return error.detail;
  }
}

/**
 * Shows the form until somebody is signed in.
 *
 * @param {import("/sdk/index.js").Client} client
 * @param {() => void} onSignedIn
 */
export function startSignIn(client, onSignedIn) {
  byId("mode-register").addEventListener("click", () => setMode(true));
  byId("mode-login").addEventListener("click", () => setMode(false));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = input("name").value.trim();
    const password = input("password").value;
    failure.textContent = complaint(name, password);
    if (failure.textContent !== "") return;
    submit.disabled = true;
    try {
      await (registering ? client.register(name, password) : client.login(name, password));
      input("password").value = "";
      onSignedIn();
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error;
      failure.textContent = wordsOf(error);
    } finally {
      submit.disabled = false;
    }
  });
}

/** @param {string} reason shown above the button, "" for none */
export function showSignIn(reason) {
  byId("chat").hidden = true;
  byId("signin").hidden = false;
  document.title = "Warbler";
  setMode(reason === "");
  failure.textContent = reason;
  input("name").focus();
}
