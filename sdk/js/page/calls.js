// Calls on the page: who rings, the call that this window is in, and the line above a conversation where one is under way.

import { WarblerError } from "/sdk/index.js";
import { startRinging } from "./call_ring.js";
import { makeStage } from "./call_stage.js";
import { endOf, kindOf, stateOf, troubleOf } from "./call_words.js";
import { byId } from "./dom.js";
import { openMenu } from "./menu.js";
import { wordsOf } from "./ui.js";

/** @typedef {import("/sdk/index.js").LiveCall} LiveCall */

const SECOND_MS = 1_000;
const INVITED_LIMIT = 12; // a menu, not a directory
/** Those that a call can be moved to by hand. */
const ENGINES = /** @type {const} */ (["embedded", "janus"]);
const GRADES = { good: "Connection: good", fair: "Connection: fair", poor: "Connection: poor" };

/**
 * @param {{client: import("/sdk/index.js").Client, model: () => import("./model.js").Model, current: () => string, toast: (text: string) => void,
 *   redraw: () => void}} page
 */
export function startCalls({ client, model, current, toast, redraw }) {
  const { calls } = client;
  /** The call that this window shows; "": none. */
  let open = "";
  let small = false;
  let connected_ms = 0;
  const stage = makeStage(entriesOf);
  const nameOf = (/** @type {string} */ user) => (user === model().user ? "You" : model().nameOf(user));
  const titleOf = (/** @type {LiveCall} */ call) => {
    const listed = model().directory.conversations.get(call.conversation);
    return listed === undefined ? nameOf(call.caller) : model().titleOf(listed);
  };
  const ringing = startRinging({
    nameOf,
    titleOf,
    answer: (call, camera) => void enter(call.call, () => calls.answer(call.call, camera)),
    decline: (call) => tried(calls.reject(call.call)),
  });

  // ---- in and out

  /** @param {"audio" | "video"} media */
  const request = (media) => {
    const conversation = current();
    const listed = model().directory.conversations.get(conversation);
    if (listed === undefined) return;
    const going = calls.all().find((call) => call.conversation === conversation && call.part === "outside" && call.call_kind === "group");
    if (going !== undefined) return void enter(going.call, () => calls.join(going.call, media === "video"));
    const call_kind = listed.conversation_kind === "direct" ? "one_to_one" : "group";
    void enter("", () => calls.request(conversation, { media, call_kind, ...wanted() }));
  };

  /** One call at a time has the devices: the one before is held where two speak, else left. @param {string} call @param {() => Promise<string>} going */
  const enter = async (call, going) => {
    const before = calls.get(open);
    if (before !== undefined && before.call !== call) await tried(before.call_kind === "group" ? calls.leave(open) : calls.hold(open));
    small = false;
    connected_ms = 0;
    const work = going();
    open = calls.all().findLast((each) => each.part === "asking")?.call ?? "";
    draw();
    byId("call-mute").focus();
    try {
      open = await work;
    } catch (error) {
      open = "";
      failed(error);
    }
    draw();
  };

  const hangUp = () => {
    const call = open;
    open = "";
    draw();
    void tried(calls.hangUp(call));
  };

  /** @param {Promise<unknown>} work */
  const tried = (work) => work.catch(failed);

  /** @param {unknown} error */
  const failed = (error) => {
    if (!(error instanceof WarblerError)) throw error;
    if (error.code !== "closed") toast(error.code === "call_exists" ? "There is a call already: join it." : wordsOf(error));
  };

  /** @param {import("/sdk/index.js").Tile} tile */
  function entriesOf(tile) {
    const live = calls.get(open);
    if (tile.own || live?.call_kind !== "group" || live.caller !== model().user) return [];
    const muted = live.shown?.parties.find((party) => party.user === tile.user)?.muted === true;
    return [
      { label: muted ? "Let speak again" : "Mute for everybody", act: () => void tried(calls.mute(open, tile.user, !muted)) },
      { label: "Remove from the call", act: () => void tried(calls.kick(open, tile.user)) },
    ];
  }

  const invite = () => {
    const live = calls.get(open);
    if (live === undefined) return;
    const there = new Set((live.shown?.parties ?? []).filter((party) => ["invited", "delivered", "ringing", "accepted", "joined"].includes(party.state)).map((party) => party.user));
    const peers = model().directory.sorted().flatMap((listed) => (listed.peer === null ? [] : [listed.peer]));
    const users = [...new Set([...model().of(live.conversation).members, ...peers])].filter((user) => user !== model().user && !there.has(user));
    const button = byId("call-invite");
    const { left, top } = button.getBoundingClientRect();
    if (users.length === 0) return toast("There is nobody else to invite.");
    openMenu({ x: left, y: top - 48 * Math.min(users.length, INVITED_LIMIT) }, button, users.slice(0, INVITED_LIMIT).map((user) => ({ label: nameOf(user), act: () => void tried(calls.invite(open, [user])) })));
  };

  /** What can be done about a bad connection. */
  const mend = () => {
    const live = calls.get(open);
    if (live === undefined) return;
    const may_move = live.engine_kind === "p2p" || (live.call_kind === "group" && live.caller === model().user);
    const others = ENGINES.filter((engine) => may_move && engine !== live.engine_kind);
    const button = byId("call-quality");
    const { right, bottom } = button.getBoundingClientRect();
    openMenu({ x: right - 200, y: bottom + 4 }, button, [
      { label: "Connect anew", act: () => calls.reconnect() },
      ...others.map((engine) => ({ label: `Move to ${engine}`, act: () => void tried(calls.switchEngine(open, engine)) })),
    ]);
  };

  // ---- what is shown

  const draw = () => {
    paint();
    redraw(); // which asks for names that were missing, and paints again
  };

  const paint = () => {
    const live = calls.get(open);
    const shown = live !== undefined && live.part !== "outside";
    byId("call").hidden = !shown || small;
    byId("call-bar").hidden = !shown || !small;
    document.body.classList.toggle("in-call", shown && !small);
    if (shown) drawCall(live);
    else stage.draw(null, nameOf);
    drawUnderWay();
    ringing.draw();
  };

  /** @param {LiveCall} live */
  const drawCall = (live) => {
    if (live.shown?.state === "connected" && connected_ms === 0) connected_ms = Date.now();
    const title = titleOf(live);
    byId("call-title").textContent = title;
    drawClock();
    stage.draw(calls.scene(live.call), (user) => model().nameOf(user));
    const own = calls.own(live.call);
    const mine = live.shown?.parties.find((party) => party.user === model().user);
    press("call-mute", own.muted, own.muted ? "Unmute" : "Mute");
    press("call-camera", own.camera, own.camera ? "Camera off" : "Camera on");
    press("call-screen", own.screen, own.screen ? "Stop sharing" : "Share screen");
    press("call-hold", own.held, own.held ? "Resume" : "Hold");
    press("call-hand", mine?.hand === true, mine?.hand === true ? "Lower hand" : "Raise hand");
    byId("call-hand").hidden = live.call_kind !== "group";
    byId("call-screen").hidden = navigator.mediaDevices?.getDisplayMedia === undefined;
    byId("call-quality").dataset["engine"] = live.engine_kind ?? "";
    byId("call-limited").hidden = live.limits?.audio_only !== true;
  };

  const drawClock = () => {
    const live = calls.get(open);
    if (live === undefined) return;
    const state = stateOf(live, connected_ms, Date.now());
    if (byId("call-state").textContent !== state) byId("call-state").textContent = state;
    byId("call-bar-text").textContent = `${titleOf(live)} · ${state}`;
  };

  /** A call of the open conversation that this window is not in. */
  const drawUnderWay = () => {
    const going = calls.all().find((call) => call.conversation === current() && call.part === "outside");
    byId("under-way").hidden = going === undefined;
    if (going === undefined) return;
    const there = (going.shown?.parties ?? []).filter((party) => party.state === "joined" || party.state === "accepted");
    const mine = there.some((party) => party.user === model().user);
    const names = there.map((party) => nameOf(party.user)).join(", ");
    byId("under-way-text").textContent = mine ? "You are in this call on another device" : `${kindOf(going)} under way${names === "" ? "" : `: ${names}`}`;
    byId("under-way-join").textContent = mine ? "Move it here" : "Join";
    byId("under-way-join").onclick = () => void enter(going.call, () => calls.join(going.call));
  };

  // ---- what the user does

  const own = () => calls.own(open);
  /** @type {Record<string, () => unknown>} */
  const presses = {
    "call-audio-button": () => request("audio"),
    "call-video-button": () => request("video"),
    "call-mute": () => calls.setMuted(open, !own().muted),
    "call-camera": () => (calls.get(open)?.media === "audio" && !own().camera ? tried(calls.upgrade(open)) : calls.setCamera(open, !own().camera)),
    "call-screen": () => calls.setScreen(open, !own().screen),
    "call-hold": () => tried(own().held ? calls.resume(open) : calls.hold(open)),
    "call-hand": () => tried(calls.hand(open, byId("call-hand").getAttribute("aria-pressed") !== "true")),
    "call-invite": invite,
    "call-quality": mend,
    "call-hang-up": hangUp,
    "call-bar-hang-up": hangUp,
    "call-small": () => (small = true),
    "call-bar-open": () => (small = false),
  };
  for (const [id, act] of Object.entries(presses))
    byId(id).addEventListener("click", async () => {
      await act();
      draw();
    });
  setInterval(() => open !== "" && drawClock(), SECOND_MS);

  // ---- what the calls tell

  calls.on("ring", (call) => {
    ringing.ring(call);
    draw();
  });
  calls.on("stop", ({ call }) => {
    ringing.stop(call);
    draw();
  });
  calls.on("changed", draw);
  calls.on("media", draw);
  calls.on("quality", ({ call, grade }) => {
    if (call !== open) return;
    byId("call-quality").dataset["grade"] = grade;
    byId("call-quality").setAttribute("aria-label", GRADES[grade]);
  });
  calls.on("trouble", ({ trouble }) => toast(troubleOf(trouble)));
  calls.on("over", ({ call, was, end }) => {
    const words = endOf(end);
    if ((was === "in" || was === "asking") && words !== "") toast(words);
    if (call.call === open) {
      open = "";
      byId("call-quality").removeAttribute("data-grade");
    }
    draw();
  });

  return {
    paint,
    leave: () => {
      open = "";
      ringing.clear();
      draw();
    },
  };
}

/** `?engine=janus` asks for a kind of engine, else the node chooses; `?ring=30` rings so many seconds. */
function wanted() {
  const asked = new URLSearchParams(location.search);
  const engine = asked.get("engine") ?? "";
  const ring_s = Number(asked.get("ring"));
  const kind = /** @type {any} */ (["embedded", "janus", "livekit", "p2p"].includes(engine) ? engine : "");
  return { engine: kind, ...(ring_s > 0 ? { ring_ms: ring_s * SECOND_MS } : {}) };
}

/** @param {string} id @param {boolean} pressed @param {string} label */
function press(id, pressed, label) {
  const button = byId(id);
  button.setAttribute("aria-pressed", String(pressed));
  button.setAttribute("aria-label", label);
  button.title = label;
}
