/** Speech-like sound, made by a formula: a buzz of the voice, shaped by the formants of vowels. */

/** Samples a second. */
export const RATE = 16_000;

/** The formants of a vowel: the frequency and the width of each, in Hz. */
type Formants = readonly (readonly [frequency: number, width: number])[];

const VOWELS: readonly [Formants, Formants, Formants, Formants] = [
  [[730, 90], [1090, 110], [2440, 170]],
  [[270, 60], [2290, 100], [3010, 170]],
  [[300, 60], [870, 90], [2240, 170]],
  [[530, 70], [1840, 100], [2480, 170]],
];
const VOWELS_A_SECOND = 4;
/** The loudest sample. */
const LOUDEST = 0.4 * 32_767;
const FADE_SECONDS = 0.02;

/** Returns a second of silence. */
export function silence(seconds: number): Int16Array {
  return new Int16Array(Math.round(seconds * RATE));
}

/** Returns vowels that follow each other, of a voice with this pitch. */
export function speech(seconds: number, pitchHz: number): Int16Array {
  const sound = new Float64Array(Math.round(seconds * RATE));
  const resonators = [0, 1, 2].map(() => ({ last: 0, before: 0 }));
  let turns = 0;
  let loudest = 0;
  for (let i = 0; i < sound.length; i++) {
    const at = i / RATE;
    turns += pitchHz * (1 + 0.15 * Math.sin(2 * Math.PI * 0.9 * at)) / RATE;
    const isPulse = turns >= 1;
    if (isPulse) turns -= 1;
    const vowels = at * VOWELS_A_SECOND;
    const [from, to] = [vowelAt(vowels), vowelAt(vowels + 1)];
    const glide = Math.max(0, (vowels % 1 - 0.6) / 0.4);
    let sample = isPulse ? 1 : 0;
    for (const [n, state] of resonators.entries()) {
      const [fromHz = 0, width = 0] = from[n] ?? [];
      const [toHz = 0] = to[n] ?? [];
      const radius = Math.exp(-Math.PI * width / RATE);
      const angle = 2 * Math.PI * (fromHz * (1 - glide) + toHz * glide) / RATE;
      const turn = 2 * radius * Math.cos(angle);
      const input = (1 - turn + radius ** 2) * sample;
      sample = input + turn * state.last - radius ** 2 * state.before;
      state.before = state.last;
      state.last = sample;
    }
    const swell = 0.35 + 0.65 * Math.sin(Math.PI * (vowels % 1)) ** 2;
    sample *= swell * Math.min(1, at / FADE_SECONDS, (seconds - at) / FADE_SECONDS);
    sound[i] = sample;
    loudest = Math.max(loudest, Math.abs(sample));
  }
  return Int16Array.from(sound, (it) => Math.round(it / loudest * LOUDEST));
}

/** Returns parts of audio one after the other. */
export function joined(...parts: readonly Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((sum, it) => sum + it.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function vowelAt(position: number): Formants {
  return VOWELS[Math.floor(position) % VOWELS.length] ?? VOWELS[0];
}
