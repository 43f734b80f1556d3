import { durationText } from "./times.ts";
import { safeLine } from "./safe_text.ts";
import { fitText, textWidth } from "./text_width.ts";

/** The facts of a report of progress, as far as it has some. */
export interface ProgressFacts {
  /** The part that is done, from 0 to 1. */
  readonly fraction?: number;
  readonly done?: number;
  readonly failed?: number;
  readonly total?: number;
  readonly perSecond?: number;
  readonly etaMs?: number;
  readonly message?: string;
}

const BAR_WIDTH = 24;
/** A bar that is narrower says nothing. */
const MIN_BAR_WIDTH = 5;

/**
 * Returns the facts of a report of progress: a number from 0 to 1, or an object with some of their
 * names. Any other report is a message.
 */
export function progressFacts(report: unknown): ProgressFacts {
  if (typeof report === "number") return { fraction: report };
  if (typeof report === "string") return { message: report };
  if (typeof report !== "object" || report === null || Array.isArray(report)) {
    return { message: JSON.stringify(report) };
  }
  const fields = report as Readonly<Record<string, unknown>>;
  const numbers = ["fraction", "done", "failed", "total", "perSecond", "etaMs"] as const;
  const facts = Object.fromEntries(
    numbers.flatMap((it) => typeof fields[it] === "number" ? [[it, fields[it]]] : []),
  ) as ProgressFacts;
  const { message } = fields;
  if (typeof message === "string") return { ...facts, message };
  return Object.keys(facts).length > 0 ? facts : { message: JSON.stringify(report) };
}

/** Returns one line of at most `width` columns that shows a state and its progress. */
export function progressLine(label: string, facts: ProgressFacts, width: number): string {
  const { done, failed = 0, total, perSecond, etaMs, message } = facts;
  const fraction = facts.fraction ?? (total !== undefined && total > 0 ? (done ?? 0) / total : NaN);
  const texts = [
    Number.isNaN(fraction) ? "" : `${Math.floor(clamped(fraction) * 100)}%`,
    done === undefined ? "" : `${count(done)}${total === undefined ? "" : `/${count(total)}`}`,
    failed > 0 ? `${count(failed)} failed` : "",
    perSecond === undefined ? "" : `${count(perSecond)}/s`,
    etaMs === undefined || fraction >= 1 ? "" : `eta ${durationText(etaMs)}`,
    message === undefined ? "" : safeLine(message),
  ].filter((it) => it !== "");
  const head = safeLine(label);
  const text = texts.join("  ");
  if (Number.isNaN(fraction)) return fitText([head, text].filter(Boolean).join("  "), width);
  const room = Math.min(BAR_WIDTH, width - textWidth(`${head}    ${text}`));
  const bar = room < MIN_BAR_WIDTH ? [] : [barOf(clamped(fraction), room)];
  return fitText([head, ...bar, text].join("  "), width);
}

function barOf(fraction: number, width: number): string {
  const full = Math.floor(fraction * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

function clamped(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

function count(value: number): string {
  const rounded = value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
  return rounded.toLocaleString("en-US");
}

/** Estimates the time that is left, from the progress that this program has seen itself. */
export class ProgressEstimate {
  #first: { readonly at: number; readonly fraction: number } | undefined;
  #lastFraction = 0;

  /** Returns the facts with an estimate, if they have none. */
  with(facts: ProgressFacts, now: number): ProgressFacts {
    const { fraction, etaMs } = facts;
    if (fraction === undefined || !Number.isFinite(fraction)) return facts;
    // It has begun again, as the next attempt of a job does.
    if (fraction < this.#lastFraction) this.#first = undefined;
    this.#lastFraction = fraction;
    this.#first ??= { at: now, fraction };
    const seen = fraction - this.#first.fraction;
    if (etaMs !== undefined || seen <= 0 || fraction >= 1) return facts;
    return { ...facts, etaMs: ((now - this.#first.at) / seen) * (1 - fraction) };
  }
}
