import { writeWhole } from "../log.ts";

/** Writes text to standard output. */
export function print(text: string): void {
  writeWhole(Deno.stdout, text);
}

/** Writes text to standard error. */
export function complain(text: string): void {
  writeWhole(Deno.stderr, text);
}
