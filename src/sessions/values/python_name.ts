const NAME = /^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)*$/u;

/** Returns true for the dotted name of a Python module. */
export function isPythonName(text: string): boolean {
  return text.length <= 256 && NAME.test(text);
}
