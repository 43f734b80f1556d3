import { InvalidInputError } from "../../errors.ts";
import type { JobError, JobRow } from "./job_row.ts";

/** The most characters of a search. */
export const MAX_SEARCH_CHARS = 200;

/** The most words that are kept of an error, and the most characters of one. */
const MAX_WORDS = 16;
const MAX_WORD_CHARS = 64;
/** The most words that are kept of one or two characters, or of digits only. */
const MAX_SHORT_WORDS = 4;
/** The characters of a message whose words are kept. */
const MAX_MESSAGE_CHARS = 2_000;

/** Marks belong to words: Devanagari and Thai write vowels as marks. */
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;
const SHORT = /^(?:.{1,2}|\p{N}+)$/u;

/**
 * Returns a text in the form in which searches compare it: in small letters, and with one form for
 * `é`, which macOS writes as two characters in the names of files.
 */
export function folded(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** A word of a search. */
export interface SearchWord {
  /** As it was given, for ids and tags. */
  readonly text: string;
  /** As {@link folded}, for names. */
  readonly lower: string;
  /** The words in it, for errors: `foo.bar` has two, `--` has none. */
  readonly parts: readonly string[];
}

/** Returns true for a text that can be searched for: it is not too long, and has a word. */
export function isSearch(text: string): boolean {
  return text.length <= MAX_SEARCH_CHARS && !text.includes("\0") && text.isWellFormed() &&
    text.trim() !== "";
}

/**
 * Returns the words of a search, of which a job must match each. A word matches the beginning of
 * the id or of a tag, as it is written; any part of the name; and the beginnings of words of the
 * error, in any case.
 *
 * @throws {InvalidInputError} For a search that is too long, or has no word.
 */
export function searchWords(text: string): SearchWord[] {
  if (!isSearch(text)) {
    const start = JSON.stringify(text.slice(0, 64).toWellFormed());
    const given = text.length > 64 ? `${start}... (${text.length} characters)` : start;
    const allowed = `1 to ${MAX_SEARCH_CHARS} characters of Unicode, with a word`;
    const message = `given ${given}; allowed: ${allowed}`;
    throw new InvalidInputError(`Cannot search jobs: text: ${message}`, [{
      path: "text",
      message,
    }]);
  }
  return [...new Set(text.trim().split(/\s+/))].map((it) => {
    const lower = folded(it);
    return { text: it, lower, parts: [...lower.matchAll(WORD)].map(([part]) => cut(part)) };
  });
}

/**
 * Returns the words of an error by which it is found: of its code, its Python type and its message,
 * as {@link folded}. A word with underscores counts as a whole, which has its first part at its
 * beginning, and in its other parts. The first {@link MAX_WORDS} are kept, and of words of one or
 * two characters or of digits the first {@link MAX_SHORT_WORDS}.
 */
export function errorWords({ code, message, details }: JobError): string[] {
  const { python } = details ?? {};
  const type = typeof python === "object" && python !== null && "type" in python
    ? String(python.type).slice(0, MAX_MESSAGE_CHARS)
    : "";
  const found = new Set<string>();
  let short = 0;
  for (const text of [code, type, message.slice(0, MAX_MESSAGE_CHARS)]) {
    for (const [word] of folded(text).matchAll(WORD)) {
      const parts = word.includes("_") ? word.split("_").slice(1).filter((it) => it !== "") : [];
      for (const it of [word, ...parts]) {
        if (found.size === MAX_WORDS) return [...found];
        if (found.has(it)) continue;
        if (SHORT.test(it) && ++short > MAX_SHORT_WORDS) continue;
        found.add(cut(it));
      }
    }
  }
  return [...found];
}

function cut(word: string): string {
  return word.slice(0, MAX_WORD_CHARS).toWellFormed();
}

/** The texts of a job in which a search looks. `words` returns those of its error. */
export interface Searched extends Pick<JobRow, "id" | "name" | "tags"> {
  readonly words: () => readonly string[];
}

/** Returns true if a job matches all words. */
export function matchesSearch(words: readonly SearchWord[], job: Searched): boolean {
  return words.every(({ text, lower, parts }) =>
    job.id.startsWith(text) || folded(job.name).includes(lower) ||
    job.tags.some((it) => it.startsWith(text)) ||
    (parts.length > 0 && parts.every((part) => job.words().some((it) => it.startsWith(part))))
  );
}
