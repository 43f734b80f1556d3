import { Buffer } from "node:buffer";
import { shownValue } from "../../calls/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { StoreFileOptions } from "../../files/mod.ts";
import { invalidBody, onceEach } from "../schema/mod.ts";

/** The fields of the query of an upload. */
const UPLOAD_FIELDS = ["name", "ttlMs", "sha256"] as const;

/**
 * Returns the options of a file whose bytes are the body of a request. The host checks most of
 * them.
 *
 * @throws {SnakedenError} `invalid_input`; `unsupported_media_type` for a form, or compressed
 * bytes.
 */
export function uploadOptions(
  query: Readonly<Record<string, readonly string[]>>,
  headers: Headers,
): StoreFileOptions {
  const { name, ttlMs, sha256 } = onceEach(query, UPLOAD_FIELDS);
  const part = headers.get("content-range");
  if (part !== null) {
    // A part that is taken for the whole would be a damaged file (RFC 9110, section 14.5).
    const message = `given ${shownValue(part)}; allowed: no such header, and the whole file`;
    throw invalidBody([{ path: "content-range", message }]);
  }
  const mediaType = mediaTypeOf(headers);
  const digest = digestOf(headers);
  if (digest !== undefined && sha256 !== undefined && sha256.toLowerCase() !== digest) {
    const message = `given ${shownValue(sha256)}, but the header content-digest has ${digest}; ` +
      "allowed: one of the two, or the same in both";
    throw invalidBody([{ path: "sha256", message }]);
  }
  const hash = sha256 ?? digest;
  const length = headers.get("content-length");
  return {
    ...(name === undefined ? {} : { name }),
    ...(mediaType === undefined ? {} : { mediaType }),
    // A text that is no number is refused by the host, which names it.
    ...(ttlMs === undefined ? {} : { ttlMs: numberOf(ttlMs) }),
    ...(hash === undefined ? {} : { sha256: hash }),
    ...(length === null ? {} : { bytes: Number(length) }),
  };
}

function numberOf(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const message = `given ${shownValue(text)}; allowed: a whole number of milliseconds`;
  throw invalidBody([{ path: "ttlMs", message }]);
}

function mediaTypeOf(headers: Headers): string | undefined {
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new SnakedenError(
      "unsupported_media_type",
      `Cannot add a file with content-encoding ${JSON.stringify(encoding)}; send it uncompressed`,
      { details: { given: encoding, accepted: ["identity"] } },
    );
  }
  const type = headers.get("content-type");
  const essence = type?.split(";")[0]?.trim().toLowerCase();
  if (essence === "multipart/form-data") {
    throw new SnakedenError(
      "unsupported_media_type",
      "Cannot add a file of a form; send the bytes of the file as the body",
      { details: { given: type, accepted: ["*/*"] } },
    );
  }
  // curl sends that type for all bytes that it is not told the type of.
  return type === null || essence === "application/x-www-form-urlencoded" ? undefined : type;
}

/**
 * Returns the hash of the header `content-digest`, in hexadecimal digits; undefined if it has none
 * of SHA-256.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9530
 */
function digestOf(headers: Headers): string | undefined {
  const header = headers.get("content-digest");
  const [, text] = /(?:^|,)\s*sha-256=([^,]*)/i.exec(header ?? "") ?? [];
  if (text === undefined) return undefined;
  const [, base64 = ""] = /^:([A-Za-z0-9+/]{43}=):\s*(?:;|$)/.exec(text) ?? [];
  const bytes = Buffer.from(base64, "base64");
  if (bytes.byteLength === 32) return bytes.toString("hex");
  const message = `given ${shownValue(header)}; allowed: sha-256=:BASE64:, with 32 bytes`;
  throw invalidBody([{ path: "content-digest", message }]);
}
