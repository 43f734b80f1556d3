import { Value } from "../../bridge/mod.ts";
import type { JobError } from "../../store/mod.ts";

const encoder = new TextEncoder();

/** Lines of the result of a batch that are not written yet. */
export class ResultLines {
  #lines: string[] = [];
  #chars = 0;

  /** The number of lines. */
  get count(): number {
    return this.#lines.length;
  }

  /** About the bytes of the lines. */
  get bytes(): number {
    return this.#chars;
  }

  /** Adds the result of an item. */
  addResult(index: number, result: string): void {
    this.#add(`{"index":${index},"result":${result}}\n`);
  }

  /** Adds the error of an item. */
  addError(index: number, error: JobError): void {
    this.#add(`{"index":${index},"error":${JSON.stringify(error)}}\n`);
  }

  /** Takes all lines, as bytes. */
  take(): { readonly items: number; readonly body: Uint8Array<ArrayBuffer> } {
    const lines = this.#lines;
    this.#lines = [];
    this.#chars = 0;
    return { items: lines.length, body: encoder.encode(lines.join("")) };
  }

  #add(line: string): void {
    this.#lines.push(line);
    this.#chars += line.length;
  }
}

/** Returns the JSON text of a result on one line. */
export function resultText(result: string | Value): string {
  const text = typeof result === "string" ? result : result.jsonText();
  return text.includes("\n") ? text.replaceAll("\n", " ") : text;
}
