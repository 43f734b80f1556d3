import { relativeTime, safeLine, type Style, wrapText } from "../terminal/mod.ts";
import type { Output } from "./output.ts";

/** A fact about an object: its name, its value, and the style of the value. */
export type Fact = readonly [name: string, value: string | undefined, style?: Style];

const LABEL_WIDTH = 11;
/** The least room in which a text is broken into lines; a terminal breaks it anywhere. */
const MIN_TEXT_WIDTH = 20;

/** Returns an object and its facts as lines. Facts without a value are left out. */
export function factLines(
  [kind, id]: readonly [kind: string, id: string],
  facts: readonly Fact[],
  output: Output,
): string[] {
  const head = `${output.paint("bold", kind.padEnd(LABEL_WIDTH))}${id}`;
  return [head, ...facts.flatMap((it) => linesOf(it, output))];
}

/** Returns the lines of a fact, of which the further ones are indented. */
function linesOf([name, value, style]: Fact, { paint, width }: Output): string[] {
  if (!value) return [];
  const [first = "", ...rest] = wrapped(value.trim(), LABEL_WIDTH, width)
    .map((it) => style === undefined ? it : paint(style, it));
  const label = paint("dim", name.padEnd(LABEL_WIDTH));
  return [label + first, ...rest.map((it) => " ".repeat(LABEL_WIDTH) + it)];
}

/** Breaks a text that begins in a column of a terminal, unless there is too little room. */
export function wrapped(text: string, column: number, width = Infinity): string[] {
  const room = width - column;
  return room >= MIN_TEXT_WIDTH && room < Infinity ? wrapText(text, room) : text.split("\n");
}

/** Returns a time with its distance from `now`; undefined if there is none. */
export function timeText(time: string | undefined, now: number): string | undefined {
  return time && `${safeLine(time)} (${relativeTime(time, now)})`;
}
