// The page: a client, a model, and the views between them. What the client tells changes the model; one redraw a frame shows it.

import { Client, WarblerError } from "/sdk/index.js";
import { loadCalls } from "./call_entries.js";
import { startCalls } from "./calls.js";
import { Composer } from "./composer.js";
import { SIGNED_OUT, drawBanner, drawWaiting, endedBecause, toast } from "./banner.js";
import { deviceName } from "./device.js";
import { startNewDialog } from "./dialogs.js";
import { byId, paintAvatar, showPresence } from "./dom.js";
import { startJourneyDialog } from "./journey.js";
import { openStore } from "./kept.js";
import { renderList } from "./list.js";
import { startListMenu } from "./listmenu.js";
import { startMarks } from "./marks.js";
import { MessageView } from "./messages.js";
import { Model, textOf } from "./model.js";
import { askNames } from "./names.js";
import { Contacts } from "./people.js";
import { startPresence } from "./presence.js";
import { startProfileDialog } from "./profile.js";
import { Push } from "./push.js";
import { groupOf, startScreens } from "./screens.js";
import { showSignIn, startSignIn } from "./signin.js";
import { wordsOf } from "./ui.js";

const HISTORY_MESSAGES = 50;
const NEAR_TOP_PX = 300;

// Of the window, not of the browser: two windows can be two people, and each is a device of its own.
// `?edges=http://…,http://…` names further nodes to go on at when this one is lost; REST stays where the page came from.
const further = (new URLSearchParams(location.search).get("edges") ?? "").split(",").filter((url) => /^https?:\/\/[^/]+$/.test(url));
const store = await openStore();
const client = new Client({ url: [location.origin, ...further], rest_url: location.origin, storage: store, agent: "warbler-page/0.1.0", device_name: deviceName(navigator.userAgent) });

const contacts = new Contacts(client);
const push = new Push(client, store, (conversation) => (location.hash = conversation));
/** @type {Model} */
let model = new Model("", "");
let current = "";
let stick = true;
let loading = false;
let drawing = false;
let was_online = false;
/** @type {Map<string, string>} */
const drafts = new Map();
const scroller = byId("scroller");

// ---- what is shown

function redraw() {
  if (drawing) return;
  drawing = true;
  // not requestAnimationFrame: a window in the background keeps its title's count
  setTimeout(draw, 16);
}

function draw() {
  drawing = false;
  const now_ms = Date.now();
  renderList(model, current, now_ms);
  const listed = model.directory.conversations.get(current);
  byId("open").hidden = listed === undefined;
  byId("nothing").hidden = listed !== undefined;
  if (listed !== undefined) drawOpen(listed, now_ms);
  const unread = model.unreadTotal();
  push.badge(unread);
  document.title = unread > 0 ? `(${unread}) Warbler` : "Warbler";
  drawBanner(client, model, was_online, now_ms, redraw);
  drawWaiting(contacts.asked.length);
  calls.paint();
  void askNames(client, model, redraw);
}

/** @param {import("/sdk/index.js").Listed} listed @param {number} now_ms */
function drawOpen(listed, now_ms) {
  const title = model.titleOf(listed);
  byId("title").textContent = title;
  paintAvatar(byId("pane-avatar"), title, listed.peer ?? listed.conversation);
  const opened = model.of(current);
  const direct = listed.conversation_kind === "direct";
  const here = model.presenceText(listed.peer, now_ms);
  byId("subtitle").textContent = direct ? here || "Direct conversation" : `${opened.members.size || "…"} members`;
  byId("pane-present").dataset["presence"] = direct ? model.stateOf(listed.peer) : "";
  byId("typing").textContent = model.typingText(current, now_ms);
  const { before_seq } = opened.timeline;
  byId("history-state").textContent = loading ? "Reading…" : before_seq === null ? "This is where it begins" : "";
  view.render(model.rows(listed, client.pending(current), now_ms), { stick, now_ms });
  byId("to-end").hidden = stick;
  markRead();
}

// ---- opening and reading

/** Screens have addresses that begin with "/", conversations their ids. */
async function openFromAddress() {
  const address = decodeURIComponent(location.hash.slice(1));
  byId("screen").hidden = !address.startsWith("/"); // what is hidden cannot take the focus
  const place = address.startsWith("/") ? screens.show(address) : "";
  if (place === "") screens.hide();
  else presence.ask();
  byId("screen").hidden = place === "";
  byId("pane").hidden = place !== "";
  for (const link of document.querySelectorAll("#places a"))
    if (/** @type {HTMLElement} */ (link).dataset["place"] === (place || "messages")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  await openConversation(place === "" && !address.startsWith("/") ? address : "");
  if (place !== "") byId("chat").dataset["view"] = "screen";
}

/** @param {string} wanted a conversation, or "" */
async function openConversation(wanted) {
  if (wanted !== current) {
    if (current !== "" && composer.mode.mode !== "edit") drafts.set(current, composer.value);
    current = wanted;
    stick = true;
    composer.reset(drafts.get(wanted) ?? "");
    const listed = model.directory.conversations.get(wanted);
    const unread = listed !== undefined && listed.head_ordinal > listed.read_ordinal;
    model.of(wanted).new_from_ordinal = unread ? listed.read_ordinal + 1 : 0;
    if (listed?.marked_unread === true) markUnread(wanted, 0);
    presence.ask();
    // a finger would only make the keyboard jump up
    if (wanted !== "" && matchMedia("(hover: hover)").matches) composer.focus();
  }
  byId("chat").dataset["view"] = current === "" ? "list" : "conversation";
  redraw();
  if (current !== "" && model.of(current).timeline.before_seq === undefined)
    await Promise.all([loadHistory(), marks.loadMembers(current), loadCalls(client, model, current, redraw)]);
  else if (current !== "" && model.of(current).members.size === 0) await marks.loadMembers(current);
  if (current !== "") void marks.loadReceipts(current);
}

/** @param {string} conversation @param {number} seq from where on; 0 takes it back */
function markUnread(conversation, seq) {
  client.markUnread(conversation, seq);
  model.receipt({ type: "receipt", conversation, user: model.user, state: "unread", up_to_seq: seq });
  if (seq > 0 && conversation === current) location.hash = "";
  redraw();
}

async function loadHistory() {
  const conversation = current;
  const { timeline } = model.of(conversation);
  if (loading || timeline.before_seq === null || !model.directory.conversations.has(conversation)) return;
  loading = true;
  const older = timeline.before_seq !== undefined;
  redraw();
  try {
    const page = await client.history(conversation, timeline.before_seq ?? null, HISTORY_MESSAGES);
    timeline.page(page.messages, page.before_seq, older);
    setTimeout(readOn, 100);
  } catch (error) {
    if (!(error instanceof WarblerError)) throw error;
    toast(`The messages could not be read: ${error.detail}`);
  } finally {
    loading = false;
    redraw();
  }
  if (conversation !== current) await openConversation(current);
}

/** A page that does not fill the window is followed by the next. */
function readOn() {
  if (current !== "" && scroller.scrollTop < NEAR_TOP_PX) void loadHistory();
}

function markRead() {
  if (document.visibilityState !== "visible" || !document.hasFocus() || !stick) return;
  const last = model.newest(current);
  if (last === undefined) return;
  if (last.user !== model.user || "kind" in last) client.markRead(current, last.seq, last.ordinal);
  push.closeRead(current, last.seq);
}

// ---- what the user does

const composer = new Composer({
  submit: (text, mode) => {
    stick = true;
    const conversation = current;
    const work =
      mode.mode === "edit"
        ? client.edit(conversation, mode.seq, text)
        : client.send(conversation, text, mode.mode === "reply" ? { reply_to: mode.seq } : {});
    work.catch((error) => {
      failed(error);
      if (conversation === current) composer.giveBack(text);
    });
    redraw();
  },
  typing: (typing) => client.typing(current, typing),
  editLast: () => {
    const on_its_way = client.pending(current).findLast((entry) => entry.frame.type === "send_message");
    if (on_its_way === undefined) return editLast(current);
    const off = client.on("ack", ({ key, conversation }) => {
      if (key !== on_its_way.key) return;
      off();
      // its event follows the ack
      queueMicrotask(() => conversation === current && composer.value === "" && editLast(current));
    });
  },
  leave: () => {
    if (matchMedia("(max-width: 640px)").matches) location.hash = "";
    else /** @type {HTMLElement | null} */ (document.querySelector("#list a[aria-current], #list a"))?.focus();
  },
});

const view = new MessageView({
  act: (action, seq) => {
    const message = model.of(current).timeline.get(seq);
    if (message === undefined) return;
    if (action === "reply") composer.reply(seq, message.user === model.user ? "yourself" : model.nameOf(message.user), textOf(message));
    else if (action === "edit") composer.edit(seq, textOf(message));
    else if (action === "info") void openJourney(current, seq, textOf(message));
    else client.recall(current, seq).catch(failed);
  },
  react: (seq, reaction, on) => void (on ? client.react(current, seq, reaction) : client.unreact(current, seq, reaction)).catch(failed),
});

/** @param {string} conversation */
function editLast(conversation) {
  const message = model.lastOwn(conversation);
  if (message !== null) composer.edit(message.seq, textOf(message));
}

/** @param {unknown} error */
function failed(error) {
  if (!(error instanceof WarblerError)) throw error;
  if (error.code !== "closed") toast(`Not accepted: ${wordsOf(error)}`);
}

const screens = startScreens({
  client,
  model: () => model,
  contacts,
  push,
  toast,
  go: (hash) => (location.hash = hash),
  openDirect: (user) => client.direct(user).then((conversation) => void (location.hash = conversation), failed),
  leave: (reason) => forget(reason),
  names: async (users) => {
    const unknown = [...new Set(users)].filter((user) => user !== "" && !model.names.has(user));
    for (const { user, name } of unknown.length > 0 ? await client.rest.users(unknown) : []) model.names.set(user, name);
  },
});

const openNew = startNewDialog(client, (conversation) => void (location.hash = conversation));
/** The page of the open conversation: the group, or the person. */
function openDetails() {
  const listed = model.directory.conversations.get(current);
  if (listed !== undefined) location.hash = listed.peer === null ? `/group/${current}` : `/contact/${encodeURIComponent(listed.peer)}`;
}

const marks = startMarks(client, () => model, redraw);
const calls = startCalls({ client, model: () => model, current: () => current, toast, redraw });
const presence = startPresence(client, () => model.watched(current || groupOf(location.hash)));
const openJourney = startJourneyDialog(client, (user) => {
  if (!model.names.has(user)) redraw(); // which asks for it; the dialog looks again in a moment
  return user === model.user ? "You" : model.nameOf(user);
});
const openProfile = startProfileDialog(client, {
  status: () => model.presence.get(model.user)?.status ?? "",
  setStatus: presence.setStatus,
});

startListMenu({ client, model: () => model, markUnread, failed });
byId("me").addEventListener("click", openProfile);
byId("new-button").addEventListener("click", openNew);
byId("empty-new").addEventListener("click", openNew);
byId("details-button").addEventListener("click", openDetails);
byId("back").addEventListener("click", () => (location.hash = ""));
byId("to-end").addEventListener("click", () => {
  stick = true;
  redraw();
});
byId("banner-retry").addEventListener("click", () => (client.phase === "ended" ? client.connect() : client.retryNow()));
byId("logout-button").addEventListener("click", () => forget(""));
scroller.addEventListener(
  "scroll",
  () => {
    const at_end = view.atEnd();
    if (at_end !== stick) {
      stick = at_end;
      redraw();
    }
    readOn();
  },
  { passive: true },
);
new ResizeObserver(() => {
  if (stick) view.toEnd(); // the keyboard of a phone, or a growing text field
}).observe(scroller);
addEventListener("hashchange", openFromAddress);
for (const kind of ["focus", "blur"]) addEventListener(kind, redraw);
addEventListener("online", () => client.retryNow());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") client.retryNow();
  redraw();
});
addEventListener("pagehide", () => client.save());

// ---- what the client tells

client.on("event", ({ conversation, event }) => {
  model.apply(conversation, event);
  // the event of being added does not say to what
  if (model.directory.conversations.get(conversation)?.complete === false) client.refreshDirectory();
  if (conversation === current && !model.directory.conversations.has(current)) location.hash = "";
  if (event.kind === "message_sent" && event.user === model.user && model.isLarge(conversation)) marks.watchNewest(conversation);
  if (event.kind === "conversation_created" || event.kind === "member_added") presence.ask();
  screens.heard({ kind: "event", conversation, event });
  redraw();
});
client.on("directory", ({ entries }) => {
  model.directory.directory(entries);
  screens.heard({ kind: "directory" });
  presence.ask();
  if (current !== "") void openFromAddress();
  redraw();
});
client.on("roster", () => {
  screens.heard({ kind: "roster" });
  redraw();
});
client.on("typing", ({ conversation, user, typing }) => {
  model.typing(conversation, user, typing, Date.now());
  redraw();
  setTimeout(redraw, 6_100); // a "stopped" may be lost
});
client.on("receipt", (receipt) => {
  model.receipt(receipt);
  redraw();
});
client.on("counts", (counts) => {
  model.of(counts.conversation).counts = counts;
  redraw();
});
client.on("presence", (users) => {
  model.setPresence(users);
  showPresence(users);
  redraw();
});
client.on("missing", ({ seqs }) => toast(`${seqs.length} damaged record${seqs.length === 1 ? "" : "s"} could not be read.`));
client.on("reset", ({ conversation }) => {
  if (conversation !== null) client.refreshDirectory(); // otherwise a welcome just brought it
  const { signedIn } = client;
  if (signedIn !== null) model = new Model(signedIn.user, signedIn.name, (user) => contacts.aliasOf(user));
  current = "\0"; // anything is another one than this
  void openFromAddress();
});
client.on("state", ({ phase, reason }) => {
  if (phase === "online") was_online = true;
  if (phase === "online") void push.renew();
  if (phase === "ended") endedBecause(reason);
  redraw();
});
for (const kind of /** @type {const} */ (["queued", "ack"])) client.on(kind, redraw);
client.on("signed_out", ({ why }) => forget(SIGNED_OUT[why]));

// ---- coming and going

function enter() {
  const { signedIn } = client;
  if (signedIn === null) return showSignIn("");
  model = new Model(signedIn.user, signedIn.name, (user) => contacts.aliasOf(user));
  current = "";
  was_online = false;
  marks.reset();
  presence.reset();
  byId("me-name").textContent = byId("empty-name").textContent = signedIn.name;
  byId("signin").hidden = true;
  byId("chat").hidden = false;
  client.connect();
  void openFromAddress();
}

/** Signs out here, and says why. @param {string} reason */
function forget(reason) {
  client.logout().catch((error) => {
    if (!(error instanceof WarblerError)) throw error; // the tokens are forgotten here in any case
  });
  leave(reason);
}

/** @param {string} reason */
function leave(reason) {
  client.close();
  void push.forget();
  drafts.clear();
  history.replaceState(null, "", location.pathname);
  current = "";
  screens.hide();
  calls.leave();
  showSignIn(reason);
}

startSignIn(client, enter);
enter();
