// The sound of a ring: two soft notes, again and again. Silent where the browser wants a click first.

const NOTES_HZ = [659, 523];
const NOTE_S = 0.22;
const AGAIN_MS = 2_200;
const LOUDNESS = 0.08;

/** @type {AudioContext | null} */
let context = null;
let timer = 0;

export function startTone() {
  stopTone();
  if (navigator.userActivation?.hasBeenActive === false) return;
  context = new AudioContext();
  play();
  timer = setInterval(play, AGAIN_MS);
}

/** And lets the sound device go: an open context renders silence all the time, at the cost of a call's own sound. */
export function stopTone() {
  clearInterval(timer);
  void context?.close();
  context = null;
}

function play() {
  if (context === null) return;
  NOTES_HZ.forEach((hz, index) => note(/** @type {AudioContext} */ (context), hz, index * NOTE_S));
}

/** @param {AudioContext} audio @param {number} hz @param {number} after_s */
function note(audio, hz, after_s) {
  const from = audio.currentTime + after_s;
  const oscillator = new OscillatorNode(audio, { frequency: hz });
  const gain = new GainNode(audio, { gain: 0 });
  gain.gain.linearRampToValueAtTime(LOUDNESS, from + 0.03);
  gain.gain.linearRampToValueAtTime(0, from + NOTE_S);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(from);
  oscillator.stop(from + NOTE_S);
}
