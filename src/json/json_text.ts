/** The place at which a text stops being JSON, and the reason. */
export interface JsonProblem {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 units as editors do. */
  readonly column: number;
  readonly reason: string;
}

const SPACE = /[\t\n\r ]*/y;
const ESCAPE = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
const WORD = /-?[\p{L}_$][\p{L}\p{N}_$]*/uy;

/**
 * Finds the error in a text that JSON.parse refused, whose own message names no line and often no
 * place. Does not recurse, so any depth of nesting is fine.
 *
 * @returns Undefined if the text is valid JSON after all.
 */
export function findJsonProblem(text: string): JsonProblem | undefined {
  const scanner = new Scanner(text);
  const reason = scanner.run();
  if (reason === undefined) return undefined;
  const before = text.slice(0, scanner.position);
  const lines = before.split("\n");
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1, reason };
}

/** Describes the error in a text: `line 2, column 5: NaN is not a JSON value`. */
export function jsonProblemText(text: string): string {
  const problem = findJsonProblem(text);
  if (problem === undefined) return "it is not valid JSON";
  return `line ${problem.line}, column ${problem.column}: ${problem.reason}`;
}

type Open = "{" | "[";

/** Reads a text from left to right. Its state is the position and the open brackets. */
class Scanner {
  position = 0;
  readonly #text: string;
  readonly #open: Open[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /**
   * Moves to the first error and returns the reason; undefined after reading to the end without
   * one.
   */
  run(): string | undefined {
    this.#skipSpace();
    if (this.#atEnd()) return "expected a value, but the text is empty";
    for (;;) {
      // Reads a value or an opening bracket, ...
      const opened = this.#value();
      if (typeof opened === "string") return opened;
      if (opened) continue;
      // ... then closing brackets and commas, up to the next value.
      const reason = this.#afterValue();
      if (reason === "done") return undefined;
      if (reason !== undefined) return reason;
    }
  }

  /**
   * Returns true if a bracket was opened and a value must follow, false if a value was read, or the
   * reason if neither was possible.
   */
  #value(): boolean | string {
    const char = this.#text[this.position];
    if (char === "{" || char === "[") return this.#openBracket(char);
    if (char === '"') return this.#string() ?? false;
    if (this.#take(NUMBER)) return this.#endOfNumber() ?? false;
    if (this.#take(LITERAL)) return false;
    return this.#notAValue();
  }

  #openBracket(char: Open): boolean | string {
    this.position++;
    this.#skipSpace();
    const close = char === "{" ? "}" : "]";
    if (this.#text[this.position] === close) {
      this.position++;
      return false;
    }
    this.#open.push(char);
    return char === "{" ? this.#key() ?? true : true;
  }

  #afterValue(): string | undefined {
    for (;;) {
      this.#skipSpace();
      const open = this.#open.at(-1);
      if (open === undefined) {
        return this.#atEnd()
          ? "done"
          : `unexpected ${this.#shown()} after the end of the JSON value`;
      }
      const close = open === "{" ? "}" : "]";
      const char = this.#text[this.position];
      if (char === close) {
        this.position++;
        this.#open.pop();
        continue;
      }
      if (char !== ",") return this.#unexpected(`"," or "${close}"`);
      this.position++;
      this.#skipSpace();
      if (this.#text[this.position] === close) return `trailing comma before "${close}"`;
      return open === "{" ? this.#key() : undefined;
    }
  }

  #key(): string | undefined {
    if (this.#text[this.position] !== '"') return this.#unexpected("a key in double quotes");
    const reason = this.#string();
    if (reason !== undefined) return reason;
    this.#skipSpace();
    if (this.#text[this.position] !== ":") return this.#unexpected('":"');
    this.position++;
    this.#skipSpace();
    return undefined;
  }

  #string(): string | undefined {
    // A loop, since a regular expression over a long string would overflow the stack.
    for (let i = this.position + 1; i < this.#text.length; i++) {
      const code = this.#text.charCodeAt(i);
      if (code === 0x22) {
        this.position = i + 1;
        return undefined;
      }
      if (code < 0x20) {
        this.position = i;
        const hex = code.toString(16).toUpperCase().padStart(4, "0");
        return `unescaped control character U+${hex} in a string`;
      }
      if (code === 0x5c) {
        if (!ESCAPE.test(this.#text.slice(i, i + 6))) {
          this.position = i;
          return "unknown escape sequence";
        }
        i++;
      }
    }
    return "the string has no closing quote";
  }

  #endOfNumber(): string | undefined {
    const char = this.#text[this.position] ?? "";
    if (!/[\w.+-]/.test(char)) return undefined;
    return this.#text[this.position - 1] === "0" && /\d/.test(char)
      ? "a number must not begin with 0"
      : "not a valid number";
  }

  #notAValue(): string {
    if (this.#atEnd()) return this.#unexpected("a value");
    const word = this.#peek(WORD);
    if (word !== undefined) {
      return `${word.slice(0, 40)} is not a JSON value` +
        (/^-?(nan|infinity)$/i.test(word)
          ? '; send {"$snakeden":"float","value":"NaN"}, "Infinity" or "-Infinity" instead'
          : "");
    }
    const char = this.#text[this.position];
    if (char === "'") return "strings need double quotes, not single quotes";
    if (char === "/") return "comments are not allowed in JSON";
    return this.#unexpected("a value");
  }

  #unexpected(wanted: string): string {
    return this.#atEnd()
      ? `expected ${wanted}, but the text ends`
      : `expected ${wanted}, found ${this.#shown()}`;
  }

  #shown(): string {
    if (this.#text[this.position] === '"') return "a double quote";
    return JSON.stringify(String.fromCodePoint(this.#text.codePointAt(this.position) ?? 0));
  }

  #atEnd(): boolean {
    return this.position >= this.#text.length;
  }

  #skipSpace(): void {
    this.#take(SPACE);
  }

  #take(pattern: RegExp): boolean {
    const found = this.#peek(pattern);
    if (found === undefined) return false;
    this.position += found.length;
    return true;
  }

  #peek(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    return pattern.exec(this.#text)?.[0];
  }
}
