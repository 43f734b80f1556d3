const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000]] as const;
const MS: Readonly<Record<string, number>> = { ms: 1, ...Object.fromEntries(UNITS) };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/;

/** Returns the milliseconds of a duration such as `90s`, `1h30m` or `500ms`; undefined for none. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    total += Number(number) * (MS[unit] ?? 0);
  }
  return Math.round(total);
}

/** Returns a duration for people, in its two largest units: `850 ms`, `4.2 s`, `3 m 5 s`. */
export function durationText(ms: number): string {
  if (!(ms >= 0)) return "";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000) * 1_000;
  const first = UNITS.findIndex(([, length]) => seconds >= length);
  const [name, length] = UNITS[first] ?? UNITS[3];
  const whole = Math.floor(seconds / length);
  const [below, belowLength] = UNITS[first + 1] ?? ["", Infinity];
  const rest = Math.floor((seconds - whole * length) / belowLength);
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${below}`;
}

/** Returns a time for people, by its distance from `now`: `5 m ago`, `in 2 h`. */
export function relativeTime(time: string | undefined, now: number): string {
  const at = time === undefined ? NaN : Date.parse(time);
  if (Number.isNaN(at)) return "";
  if (Math.abs(at - now) < 1_000) return "now";
  return at > now ? `in ${largestUnit(at - now, Math.round)}` : `${ageText(time, now)} ago`;
}

/** Returns the age of a time in full units, as people count their years: `5 m`, `2 h`. */
export function ageText(time: string | undefined, now: number): string {
  const at = time === undefined ? NaN : Date.parse(time);
  return Number.isNaN(at) ? "" : largestUnit(Math.max(0, now - at), Math.floor);
}

function largestUnit(ms: number, toWhole: (value: number) => number): string {
  const [name, length] = UNITS.find(([, it]) => ms >= it) ?? UNITS[3];
  return `${toWhole(ms / length)} ${name}`;
}
