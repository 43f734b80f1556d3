/** The bytes that one call of `String.fromCharCode` takes; a multiple of 3. */
const STEP = 24_576;

/** Returns bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  // Node 20 has no Uint8Array.prototype.toBase64.
  if (typeof bytes.toBase64 === "function") return bytes.toBase64();
  let text = "";
  for (let i = 0; i < bytes.length; i += STEP) {
    text += btoa(String.fromCharCode(...bytes.subarray(i, i + STEP)));
  }
  return text;
}

/**
 * Returns the bytes of a text in base64.
 *
 * @throws {Error} If the text is not base64.
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(text);
  const chars = atob(text);
  const bytes = new Uint8Array(chars.length);
  for (let i = 0; i < chars.length; i++) bytes[i] = chars.charCodeAt(i);
  return bytes;
}
