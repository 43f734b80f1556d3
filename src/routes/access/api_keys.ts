import { createHash, timingSafeEqual } from "node:crypto";

/** The result of checking the API key of a request; `none` if the request has no key. */
export type KeyShown = "right" | "wrong" | "none";

/**
 * The API keys that are valid now, kept as digests. Comparing digests takes the same time whatever
 * the given key is, so that the time reveals neither a key nor its length.
 */
export class ApiKeys {
  #digests: readonly Uint8Array[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digestOf);
  }

  /** Makes these keys the only valid ones. */
  replace(keys: readonly string[]): void {
    this.#digests = keys.map(digestOf);
  }

  /** Returns true if the key of this mark is valid. */
  has(mark: string): boolean {
    return this.#digests.some((it) => it.toHex() === mark);
  }

  /** Returns whether the headers hold a valid key, another one, or none. */
  shownIn(headers: Headers): KeyShown {
    const given = givenKey(headers);
    if (given === undefined) return "none";
    const digest = digestOf(given);
    let isRight = false;
    // Without an early end, which would reveal the place of the key in the list.
    for (const expected of this.#digests) {
      if (timingSafeEqual(digest, expected)) isRight = true;
    }
    return isRight ? "right" : "wrong";
  }
}

/** Returns a mark of the key that headers hold, which differs for each key; empty without one. */
export function markOfKey(headers: Headers): string {
  const given = givenKey(headers);
  return given === undefined ? "" : createHash("sha256").update(given).digest("hex");
}

function digestOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** The begin of a subprotocol that is a key, in base64url. */
const KEY_PROTOCOL = "snakeden.key.";

function givenKey(headers: Headers): string | undefined {
  const [, bearer] = /^bearer +(.+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  return bearer ?? headers.get("x-api-key") ?? protocolKey(headers);
}

/**
 * Returns the key among the subprotocols of a WebSocket. A browser lets a page set no other header
 * of a handshake, and the address of a socket is no place for a key: logs have it.
 */
function protocolKey(headers: Headers): string | undefined {
  const offered = headers.get("sec-websocket-protocol")?.split(",").map((it) => it.trim());
  const text = offered?.find((it) => it.startsWith(KEY_PROTOCOL))?.slice(KEY_PROTOCOL.length);
  if (text === undefined) return undefined;
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // A key that cannot be read is a wrong one.
    return "";
  }
}
