/** A proxy that cuts connections in the middle of streams. */

/** A proxy in front of a host. */
export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** The number of connections that were cut. */
  readonly cuts: number;
}

/** The most bytes of events that a connection carries. */
const MAX_BYTES = 6_000;

/** The longest headers of an answer. */
const MAX_HEAD = 8_192;

/**
 * Starts a proxy that cuts each answer which is a kept stream of events, after a random number of
 * bytes behind its headers. Streams that the client sends are left alone: they cannot be resumed.
 *
 * @param random Returns a number from 0 to 1.
 */
export function cuttingProxy(target: string, random: () => number): CuttingProxy {
  const { hostname, port } = new URL(target);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serving = new Set<Promise<void>>();
  let cuts = 0;

  const close = (...connections: Deno.Conn[]): void => {
    for (const it of connections) if (open.delete(it)) it.close();
  };

  const carry = async (client: Deno.Conn): Promise<void> => {
    open.add(client);
    const host = await Deno.connect({ hostname, port: Number(port) });
    open.add(host);
    let isSending = false;
    /** The bytes of events that still may pass; undefined before the headers of a stream. */
    let left: number | undefined;
    let head = "";
    const requests = pump(client, host, (bytes) => {
      const text = latin1(bytes);
      if (/^[A-Z]+ \//.test(text)) {
        [isSending, left, head] = [text.includes("input="), undefined, ""];
      }
      return bytes.length;
    });
    const answers = pump(host, client, (bytes) => {
      let arrived = bytes.length;
      if (left === undefined) {
        head += latin1(bytes);
        const at = /\r\nsnakeden-stream-id: [^]*?\r\n\r\n/i.exec(head);
        const isStream = at !== null && !isSending;
        arrived = isStream ? head.length - at.index - at[0].length : 0;
        head = head.slice(-MAX_HEAD);
        if (!isStream) return bytes.length;
        left = Math.floor(random() * MAX_BYTES);
      }
      const passed = Math.min(arrived, left);
      left -= passed;
      return bytes.length - arrived + passed;
    });
    const isCut = await Promise.race([answers, requests]);
    if (isCut) cuts++;
    close(client, host);
    await Promise.all([answers, requests]);
  };

  const accepting = (async () => {
    for await (const client of listener) {
      const carried = carry(client).finally(() => serving.delete(carried));
      serving.add(carried);
    }
  })();

  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    get cuts(): number {
      return cuts;
    },
    [Symbol.asyncDispose]: async () => {
      listener.close();
      close(...open);
      await accepting.catch(() => {});
      await Promise.all(serving);
    },
  };
}

/** Copies bytes until an end, or until `take` takes less than it was given; then returns true. */
async function pump(
  from: Deno.Conn,
  to: Deno.Conn,
  take: (bytes: Uint8Array) => number,
): Promise<boolean> {
  const buffer = new Uint8Array(16_384);
  try {
    for (let length = await from.read(buffer); length !== null; length = await from.read(buffer)) {
      const bytes = buffer.subarray(0, length);
      const taken = take(bytes);
      for (let sent = 0; sent < taken;) sent += await to.write(bytes.subarray(sent, taken));
      if (taken < length) return true;
    }
  } catch {
    // One of them was closed.
  }
  return false;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (it) => String.fromCharCode(it)).join("");
}

/** Returns a source of numbers from 0 to 1 that are the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let it = Math.imul(state ^ (state >>> 15), state | 1);
    it ^= it + Math.imul(it ^ (it >>> 7), it | 61);
    return ((it ^ (it >>> 14)) >>> 0) / 2 ** 32;
  };
}
