/**
 * The load generator: a process that drives keep-alive connections with as little work as possible,
 * so that the server is measured. It reads the status line, the content-length and, in the first
 * answer of each connection, the body.
 */
import process from "node:process";
import { CONNECTION, type HttpCommand, serveCommands } from "./commands.ts";
import { closedLoop, type Figures } from "./measure.ts";

const HEAD_END = new Uint8Array([13, 10, 13, 10]);
const BUFFER_BYTES = 65_536;

async function run(command: HttpCommand): Promise<Figures> {
  const { connections, durationMs } = command;
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const all = await Promise.all(
    Array.from({ length: connections }, (_, i) => {
      const body = command.body.replace(CONNECTION, String(i).padStart(CONNECTION.length, "0"));
      return HttpConnection.open({ ...command, body });
    }),
  );
  try {
    const free = [...all];
    const figures = await closedLoop(async () => {
      const connection = free.pop();
      if (connection === undefined) throw new Error("more callers than connections");
      await connection.post();
      free.push(connection);
    }, { callers: connections, durationMs });
    const { user, system } = process.cpuUsage(before);
    const elapsedMicros = (performance.now() - startedAt) * 1000;
    return { ...figures, loadCpuPercent: 100 * (user + system) / elapsedMicros };
  } finally {
    for (const connection of all) connection.close();
  }
}

/** A keep-alive connection that posts the same body again and again. */
class HttpConnection {
  readonly #connection: Deno.TcpConn;
  readonly #request: Uint8Array;
  readonly #expected: string;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #decoder = new TextDecoder("latin1");
  /** The length of the first body, whose text has been checked. */
  #firstLength: number | undefined;

  private constructor(connection: Deno.TcpConn, { port, path, body, expected }: HttpCommand) {
    this.#connection = connection;
    this.#expected = expected;
    this.#request = new TextEncoder().encode(
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
  }

  static async open(command: HttpCommand): Promise<HttpConnection> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: command.port });
    connection.setNoDelay(true);
    return new HttpConnection(connection, command);
  }

  async post(): Promise<void> {
    for (let sent = 0; sent < this.#request.byteLength;) {
      sent += await this.#connection.write(this.#request.subarray(sent));
    }
    let have = 0;
    let headLength = -1;
    let length = 0;
    while (headLength < 0 || have < headLength + length) {
      const size = await this.#connection.read(this.#buffer.subarray(have));
      if (size === null) throw new Error("the server closed the connection");
      have += size;
      if (headLength >= 0) continue;
      headLength = endOfHead(this.#buffer, have);
      if (headLength >= 0) length = this.#readHead(this.#buffer.subarray(0, headLength));
    }
    if (have !== headLength + length) throw new Error("the answer is longer than it says");
    this.#check(this.#buffer.subarray(headLength, have));
  }

  close(): void {
    this.#connection.close();
  }

  /** Checks the status line, and returns the content-length. */
  #readHead(bytes: Uint8Array): number {
    const head = this.#decoder.decode(bytes);
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    if (!/^HTTP\/1\.1 20[01] /.test(head) || length === undefined) {
      throw new Error(`the answer begins with ${head.slice(0, 200)}`);
    }
    if (bytes.byteLength + Number(length) > BUFFER_BYTES) throw new Error("the answer is too long");
    return Number(length);
  }

  /**
   * Checks the text of the first body, and the length of later ones: ids and durations change it by
   * a few bytes.
   */
  #check(body: Uint8Array): void {
    if (this.#firstLength === undefined) {
      const text = this.#decoder.decode(body);
      if (!text.includes(this.#expected)) throw new Error(`wrong answer: ${text.slice(0, 200)}`);
      this.#firstLength = body.byteLength;
    }
    if (Math.abs(body.byteLength - this.#firstLength) > 16) {
      throw new Error(`an answer of ${body.byteLength} bytes after one of ${this.#firstLength}`);
    }
  }
}

/** Returns the length of the head with the empty line, or -1 while it is incomplete. */
function endOfHead(buffer: Uint8Array, have: number): number {
  for (let i = 3; i < have; i++) {
    if (buffer[i] === 10 && HEAD_END.every((byte, k) => buffer[i - 3 + k] === byte)) return i + 1;
  }
  return -1;
}

if (import.meta.main) {
  await serveCommands({ pids: [], figures: {} }, run);
}
