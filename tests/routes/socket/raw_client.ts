/** WebSockets by hand, for what no proper client sends. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The headers of a proper handshake, which tests change. */
export const HANDSHAKE: Readonly<Record<string, string>> = {
  host: "localhost",
  upgrade: "websocket",
  connection: "Upgrade",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version": "13",
};

/** A connection that has sent a handshake. */
export class RawClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  /** The head of the response. */
  readonly head: string;

  constructor(connection: Deno.TcpConn, head: string) {
    this.#connection = connection;
    this.head = head;
  }

  /** The status of the response. */
  get status(): number {
    return Number(this.head.split(" ")[1]);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  /** Reads until the connection ends, or is reset; returns the bytes. */
  async rest(): Promise<Uint8Array> {
    const parts: number[] = [];
    const buffer = new Uint8Array(65_536);
    try {
      for (let n = await this.#connection.read(buffer); n !== null;) {
        parts.push(...buffer.subarray(0, n));
        n = await this.#connection.read(buffer);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    return new Uint8Array(parts);
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** Sends a handshake with these headers, in which undefined removes one. */
export async function connect(
  port: number,
  { headers = {}, method = "GET" }: {
    readonly headers?: Readonly<Record<string, string | undefined>>;
    readonly method?: string;
  } = {},
): Promise<RawClient> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const lines = Object.entries({ ...HANDSHAKE, ...headers }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`]
  );
  await connection.write(
    encoder.encode(`${method} /v1/socket HTTP/1.1\r\n${lines.join("")}\r\n`),
  );
  const buffer = new Uint8Array(65_536);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const n = await connection.read(buffer);
    if (n === null) break;
    head += decoder.decode(buffer.subarray(0, n));
  }
  return new RawClient(connection, head);
}

/** Returns the head of a frame, masked with zeros. */
export function frameHead(
  length: number,
  { opcode = 1, fin = true }: { readonly opcode?: number; readonly fin?: boolean } = {},
): Uint8Array {
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = new Uint8Array(2 + size + 4);
  const view = new DataView(head.buffer);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) view.setUint16(2, length);
  if (size === 8) view.setBigUint64(2, BigInt(length));
  return head;
}

/** Returns a whole frame with text. */
export function text(content: string): Uint8Array {
  const payload = encoder.encode(content);
  const head = frameHead(payload.length);
  const frame = new Uint8Array(head.length + payload.length);
  frame.set(head);
  frame.set(payload, head.length);
  return frame;
}
