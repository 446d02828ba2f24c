// The pictures of a call: elements laid out by the SDK's rectangles, kept while their track is the same, so that no picture flickers.

import { layout } from "/sdk/index.js";
import { byId, el, icon, paintAvatar } from "./dom.js";
import { moreButton } from "./ui.js";

/** @typedef {import("/sdk/index.js").Tile} Tile */
/** @typedef {import("/sdk/index.js").Scene} Scene */
/** @typedef {import("/sdk/index.js").Rect} Rect */

const MUTED = "M9 9v3a3 3 0 0 0 4.800 2.400M15 11V6a3 3 0 0 0-5.700-1.300M5.500 11.500a6.500 6.500 0 0 0 10 5.500M18.500 11.500c0 .9-.2 1.700-.5 2.500M12 18v3M4 4l16 16";
const HAND = "M8 13V6.500a1.500 1.500 0 0 1 3 0V11M11 11V4.500a1.500 1.500 0 0 1 3 0V11M14 11V6a1.500 1.500 0 0 1 3 0v8c0 4-2.500 6.500-6 6.500-3 0-4.500-1.500-6-4l-1.700-3a1.400 1.400 0 0 1 2.400-1.400L8 15";
/** @type {Record<string, string>} */
const FLOWS = { waiting: "Connecting…", lost: "Reconnecting…", moving: "Moving…" };

const stage = byId("call-stage");
const sounds = byId("call-sounds");

/** @param {(tile: Tile) => {label: string, act: () => void}[]} entriesOf what can be done to somebody; nothing: no button */
export function makeStage(entriesOf) {
  /** @type {Map<string, HTMLElement>} */
  const tiles = new Map();
  /** @type {Map<string, HTMLAudioElement>} */
  const heard = new Map();
  /** @type {Scene | null} */
  let shown = null;
  new ResizeObserver(() => place()).observe(stage);

  const place = () => {
    if (shown === null) return;
    const { width, height } = stage.getBoundingClientRect();
    const { tiles: rects, screen } = layout(shown.tiles.length, shown.screen !== null, width, height);
    shown.tiles.forEach((tile, index) => setRect(tiles.get(tile.user), rects[index]));
    setRect(tiles.get("#screen"), screen ?? undefined);
  };

  /** @param {string} key @param {() => HTMLElement} make */
  const tileFor = (key, make) => {
    const tile = tiles.get(key) ?? make();
    if (!tiles.has(key)) stage.append(tile);
    tiles.set(key, tile);
    return tile;
  };

  /** @param {Scene | null} scene @param {(user: string) => string} nameOf */
  const draw = (scene, nameOf) => {
    shown = scene;
    const wanted = new Set(scene?.tiles.map((tile) => tile.user) ?? []);
    if (scene?.screen) wanted.add("#screen");
    for (const [key, tile] of tiles) if (!wanted.has(key)) tile.remove();
    for (const key of [...tiles.keys()]) if (!wanted.has(key)) tiles.delete(key);
    for (const tile of scene?.tiles ?? []) drawTile(tileFor(tile.user, () => makeTile(tile, entriesOf)), tile, nameOf(tile.user));
    if (scene?.screen) drawScreen(tileFor("#screen", makeScreen), scene.screen, scene.screen.own ? "your" : `${nameOf(scene.screen.user)}’s`);
    drawSounds(heard, scene);
    place();
  };
  return { draw };
}

/** @param {HTMLElement | undefined} element @param {Rect | undefined} rect */
function setRect(element, rect) {
  if (element === undefined || rect === undefined) return;
  Object.assign(element.style, { left: `${rect.x}px`, top: `${rect.y}px`, width: `${rect.width}px`, height: `${rect.height}px` });
  element.classList.toggle("tiny", rect.width < 150 || rect.height < 110);
}

/** @param {Tile} tile @param {(tile: Tile) => {label: string, act: () => void}[]} entriesOf */
function makeTile(tile, entriesOf) {
  const face = el("span", { class: "avatar call-face", "aria-hidden": "true" });
  const caption = el("figcaption", {}, el("span", { class: "call-name" }), el("span", { class: "call-flow" }));
  const signs = el("span", { class: "call-signs" }, sign("call-hand", "Hand raised", HAND), sign("call-muted", "Microphone off", MUTED));
  const element = el("figure", { class: `call-tile${tile.own ? " own" : ""}`, "data-user": tile.user }, face, picture(), caption, signs);
  if (entriesOf(tile).length > 0) element.append(moreButton("What to do with this participant", () => entriesOf(tile)));
  return element;
}

function makeScreen() {
  return el("figure", { class: "call-tile call-screen" }, picture(), el("figcaption", {}, el("span", { class: "call-name" })));
}

/** @param {string} kind @param {string} says @param {string} path */
const sign = (kind, says, path) => el("span", { class: `call-sign ${kind}`, role: "img", "aria-label": says, title: says }, icon(path));

function picture() {
  const video = /** @type {HTMLVideoElement} */ (el("video", { autoplay: true, playsinline: true }));
  video.muted = true; // sounds are played by themselves, and go on when the pictures are away
  return video;
}

/** @param {HTMLElement} element @param {Tile} tile @param {string} whole */
function drawTile(element, tile, whole) {
  const name = tile.own ? "You" : whole;
  const flow = tile.held ? "On hold" : tile.own ? "" : (FLOWS[tile.flow] ?? "");
  show(element, tile.camera);
  element.classList.toggle("speaking", tile.speaking);
  element.classList.toggle("pictured", tile.camera !== null);
  element.classList.toggle("held", tile.held);
  setText(element, ".call-name", name);
  setText(element, ".call-flow", flow);
  paintAvatar(/** @type {HTMLElement} */ (element.querySelector(".call-face")), whole, tile.user);
  setHidden(element, ".call-hand", !tile.hand);
  setHidden(element, ".call-muted", !tile.muted);
  const says = [name, tile.speaking ? "speaking" : "", tile.muted ? "microphone off" : "", tile.hand ? "hand raised" : "", flow];
  element.setAttribute("aria-label", says.filter((word) => word !== "").join(", "));
}

/** @param {HTMLElement} element @param {import("/sdk/index.js").Screen} screen @param {string} whose */
function drawScreen(element, screen, whose) {
  show(element, screen.track);
  const words = whose === "your" ? "Your screen" : `${whose} screen`;
  setText(element, ".call-name", words);
  element.setAttribute("aria-label", words);
}

/** @param {HTMLElement} element @param {MediaStreamTrack | null} track */
function show(element, track) {
  const video = /** @type {HTMLVideoElement} */ (element.querySelector("video"));
  const [now] = /** @type {MediaStream | null} */ (video.srcObject)?.getVideoTracks() ?? [];
  video.hidden = track === null;
  if ((now ?? null) !== track) video.srcObject = track === null ? null : new MediaStream([track]);
}

/** @param {Map<string, HTMLAudioElement>} heard @param {Scene | null} scene */
function drawSounds(heard, scene) {
  const tracks = new Map(scene?.tiles.flatMap((tile) => (tile.microphone === null || tile.held ? [] : [[tile.microphone.id, tile.microphone]])));
  const sound = scene?.screen?.sound ?? null;
  if (sound !== null) tracks.set(sound.id, sound);
  for (const [id, audio] of heard) {
    if (tracks.has(id)) continue;
    audio.remove();
    heard.delete(id);
  }
  for (const [id, track] of tracks) {
    if (heard.has(id)) continue;
    const audio = /** @type {HTMLAudioElement} */ (el("audio", { autoplay: true }));
    audio.srcObject = new MediaStream([track]);
    sounds.append(audio);
    heard.set(id, audio);
  }
}

/** @param {HTMLElement} element @param {string} where @param {string} text */
function setText(element, where, text) {
  const place = element.querySelector(where);
  if (place !== null && place.textContent !== text) place.textContent = text;
}

/** @param {HTMLElement} element @param {string} where @param {boolean} hidden */
function setHidden(element, where, hidden) {
  const place = /** @type {HTMLElement | null} */ (element.querySelector(where));
  if (place !== null) place.hidden = hidden;
}
