import { InvalidInputError, SnakedenError } from "../../errors.ts";

/** The subprotocol. A client that offers any must offer this one. */
export const PROTOCOL = "snakeden.v1";

const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** The request to open a WebSocket, checked. */
export interface Handshake {
  /** The subprotocol to answer, if the client offered one. */
  readonly protocol: string | undefined;
}

/**
 * Checks the request that opens a WebSocket (RFC 6455, section 4.2.1).
 *
 * @throws {SnakedenError} `upgrade_required` for a request that asks for no WebSocket, or for
 * another version; `invalid_input` for a broken one.
 */
export function checkHandshake(headers: Headers): Handshake {
  const upgrade = listOf(headers, "upgrade").map((it) => it.toLowerCase());
  const connection = listOf(headers, "connection").map((it) => it.toLowerCase());
  if (!upgrade.includes("websocket") || !connection.includes("upgrade")) {
    throw new SnakedenError(
      "upgrade_required",
      "Cannot answer: this path takes WebSockets only, over HTTP/1.1 with the headers " +
        "upgrade: websocket and connection: upgrade",
      { details: { accepted: ["websocket"] } },
    );
  }
  const version = headers.get("sec-websocket-version");
  if (version !== "13") {
    throw new SnakedenError(
      "upgrade_required",
      `Cannot open a WebSocket of the version ${JSON.stringify(version)}; allowed: "13"`,
      { details: { given: version, accepted: ["13"] } },
    );
  }
  const key = headers.get("sec-websocket-key");
  if (key === null || !KEY.test(key)) {
    throw refused("sec-websocket-key", `given ${JSON.stringify(key)}; allowed: 16 bytes in base64`);
  }
  const offered = listOf(headers, "sec-websocket-protocol");
  if (offered.length > 0 && !offered.includes(PROTOCOL)) {
    // Keys may be among them, so the text shows none.
    throw refused("sec-websocket-protocol", `none that is known; allowed: "${PROTOCOL}"`);
  }
  return { protocol: offered.length === 0 ? undefined : PROTOCOL };
}

function listOf(headers: Headers, name: string): string[] {
  const values = headers.get(name)?.split(",") ?? [];
  return values.map((it) => it.trim()).filter((it) => it !== "");
}

function refused(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot open a WebSocket: ${path}: ${message}`, [{ path, message }]);
}
