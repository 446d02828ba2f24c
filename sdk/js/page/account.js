// The account: profile, the ways it is reached, and its password.

import { WarblerError, avatarUrl } from "/sdk/index.js";
import { ask, confirm, steppedUp } from "./ask.js";
import { avatar, el } from "./dom.js";
import { tabs } from "./screens.js";
import { attempt, button, card, errorLine, form, hint, region, row, rows } from "./ui.js";

/** @typedef {import("./screens.js").Page} Page */

const AVATAR_BYTES = 64 * 1024;
const PICTURE_PX = 256;
const FIELDS_LIMIT = 16;

/** @param {string} here */
export const accountTabs = (here) =>
  tabs(
    "Account",
    [
      ["/account", "Profile"],
      ["/account/security", "Sign-in"],
      ["/account/devices", "Devices"],
      ["/account/privacy", "Privacy"],
      ["/account/notifications", "Notifications"],
    ],
    here,
  );

/** @type {import("./screens.js").Screen} */
export function accountScreen(page) {
  const profile = region(async (refresh) => [await profileCard(page, refresh)]);
  const ways = region(async (refresh) => [await identifiersCard(page, refresh)]);
  return [accountTabs("/account"), profile.box, ways.box, leavingCard(page)];
}

/** @param {Page} page @param {() => Promise<void>} refresh */
async function profileCard(page, refresh) {
  const { people } = page.client.rest;
  const profile = await people.profile();
  const { user } = page.model();
  const name = page.client.signedIn?.name ?? "";
  const picture = pictureOf(user, profile.display_name || name, profile.avatar);
  const extra = Object.entries(profile.fields).map(([key, value]) => `${fieldWords(key)}: ${value}`).join("\n");
  const inner = form(
    [
      { name: "display_name", label: "Display name", value: profile.display_name, hint: "What others see. Left empty, it is your name.", attributes: { maxlength: 64, autocomplete: "nickname" } },
      { name: "about", label: "About you", value: profile.about, rows: 3, attributes: { maxlength: 500 } },
      { name: "fields", label: "More about you", value: extra, rows: 3, hint: "One line each, like “Team: Harbour”." },
    ],
    "Save profile",
    async (values) => {
      const fields = fieldsOf(String(values["fields"]));
      await people.changeProfile({ display_name: String(values["display_name"]), about: String(values["about"]), fields, version: profile.version });
      page.toast("Your profile is saved.");
      await refresh();
    },
  );
  return card("Profile", el("div", { class: "profile-head" }, picture, pictureForm(page, refresh)), inner);
}

/** A field's name as people read it: "phone_at_work" is "Phone at work". @param {string} key */
export const fieldWords = (key) => key.slice(0, 1).toUpperCase() + key.slice(1).replaceAll("_", " ");

/** @param {string} text */
function fieldsOf(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (lines.length > FIELDS_LIMIT) throw new WarblerError("invalid", `At most ${FIELDS_LIMIT} lines.`);
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(":");
      if (at < 1) throw new WarblerError("invalid", `“${line}” needs a colon: what it is, then how it stands.`);
      return [line.slice(0, at).trim().toLowerCase().replaceAll(/\s+/g, "_"), line.slice(at + 1).trim()];
    }),
  );
}

/** The user's picture, or letters where there is none. @param {string} user @param {string} name @param {string} reference @param {string} size */
export function pictureOf(user, name, reference, size = "large") {
  if (reference === "") return avatar(name, user, size);
  const picture = /** @type {HTMLImageElement} */ (el("img", { class: `avatar ${size}`, alt: "", src: avatarUrl(user, reference) }));
  picture.addEventListener("error", () => picture.replaceWith(avatar(name, user, size)));
  return picture;
}

/** @param {Page} page @param {() => Promise<void>} refresh */
function pictureForm(page, refresh) {
  const error = errorLine();
  const file = /** @type {HTMLInputElement} */ (el("input", { type: "file", accept: "image/png,image/jpeg,image/webp", "aria-label": "Choose a picture of you", class: "visually-hidden", tabindex: "-1" }));
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    if (chosen === undefined) return;
    const done = await attempt(error, async () => {
      const picture = await smallPicture(chosen);
      await page.client.rest.people.setAvatar(picture, picture.type);
    });
    if (done) await refresh();
  });
  return el("div", {}, button("Change picture", () => file.click()), file, error);
}

/** A square picture small enough to be kept. @param {Blob} chosen @returns {Promise<Blob>} */
async function smallPicture(chosen) {
  const bitmap = await createImageBitmap(chosen).catch(() => null);
  if (bitmap === null) throw new WarblerError("invalid", "This is no picture that the browser can read.");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = PICTURE_PX;
  const side = Math.min(bitmap.width, bitmap.height);
  canvas.getContext("2d")?.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, PICTURE_PX, PICTURE_PX);
  for (const quality of [0.9, 0.7, 0.5]) {
    const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ done) => canvas.toBlob(done, "image/jpeg", quality));
    if (blob !== null && blob.size <= AVATAR_BYTES) return blob;
  }
  throw new WarblerError("too_long", "This picture stays too large.");
}

const KINDS = /** @type {Record<string, string>} */ ({ name: "Name", email: "E-mail", phone: "Phone" });

/** @param {Page} page @param {() => Promise<void>} refresh */
async function identifiersCard(page, refresh) {
  const [me, methods] = await Promise.all([page.client.rest.people.me(), page.client.ways.methods()]);
  const items = me.identifiers.map(({ identifier, kind, shown }) => {
    const remove = () =>
      confirm(`Remove ${shown}?`, "You can no longer sign in with it.", "Remove", () => steppedUp(page.client, () => page.client.rest.people.removeIdentifier(identifier))).then((done) => (done ? refresh() : undefined));
    return row(null, shown, KINDS[kind] ?? "Linked account", kind === "name" ? null : button("Remove", remove, "plain danger", { "aria-label": `Remove ${shown}` }));
  });
  const add = [
    methods.email ? button("Add an e-mail address", () => addIdentifier(page, "email", refresh)) : null,
    methods.phone ? button("Add a phone number", () => addIdentifier(page, "phone", refresh)) : null,
  ];
  const password = button(me.password ? "Change password" : "Set a password", () => changePassword(page, me.password, refresh));
  return card("Where you are reached", rows("Identifiers", items, "None yet."), el("div", { class: "button-row" }, ...add.filter((each) => each !== null), password));
}

/** @param {Page} page @param {"email" | "phone"} kind @param {() => Promise<void>} refresh */
async function addIdentifier(page, kind, refresh) {
  const email = kind === "email";
  let to = "";
  const sent = await ask({
    title: email ? "Add an e-mail address" : "Add a phone number",
    fields: [{ name: "to", label: email ? "E-mail address" : "Phone number", type: email ? "email" : "tel", required: true, attributes: { autocomplete: email ? "email" : "tel", placeholder: email ? "" : "+49 30 123456" } }],
    submit: "Send a code",
    act: (values) => {
      to = String(values["to"]);
      return page.client.rest.people.requestIdentifierCode(kind, to);
    },
  });
  if (!sent) return;
  const added = await ask({
    title: "Enter the code",
    text: `It was sent to ${to}.`,
    fields: [{ name: "code", label: "Code", required: true, attributes: { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 12 } }],
    submit: "Add",
    act: (values) => steppedUp(page.client, () => page.client.rest.people.addIdentifier(kind, to, String(values["code"]))),
  });
  if (added) await refresh();
}

/** @param {Page} page @param {boolean} has @param {() => Promise<void>} refresh */
async function changePassword(page, has, refresh) {
  const old = { name: "old", label: "Password now", type: "password", required: true, attributes: { autocomplete: "current-password" } };
  const next = { name: "new", label: "New password", type: "password", required: true, hint: "At least 8 characters. Your other devices are signed out.", attributes: { autocomplete: "new-password", maxlength: 256 } };
  const done = await ask({
    title: has ? "Change your password" : "Set a password",
    fields: has ? [old, next] : [next],
    submit: "Save",
    act: (values) => {
      if (String(values["new"]).length < 8) throw new WarblerError("invalid", "The password needs at least 8 characters.");
      return steppedUp(page.client, () => page.client.rest.people.changePassword(String(values["old"] ?? ""), String(values["new"])));
    },
  });
  if (!done) return;
  page.toast("Your password is changed.");
  await refresh();
}

/** @param {Page} page */
function leavingCard(page) {
  const deactivate = () =>
    confirm("Deactivate your account?", "You are signed out everywhere, and nobody can write to you until you sign in again.", "Deactivate", async () => {
      await steppedUp(page.client, () => page.client.rest.people.deactivate());
      page.leave("Your account is deactivated. Sign in to use it again.");
    });
  const remove = () =>
    confirm("Delete your account?", "This cannot be taken back: your name, your profile and everything that says who you are is deleted.", "Delete for good", async () => {
      await steppedUp(page.client, () => page.client.rest.people.deleteAccount());
      page.leave("Your account is deleted.");
    });
  const buttons = el("div", { class: "button-row" }, button("Deactivate account…", deactivate), button("Delete account…", remove, "plain danger"));
  return card("Leaving", hint("Rest for a while, or go for good."), buttons);
}
