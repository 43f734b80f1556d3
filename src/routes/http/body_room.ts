/** The room of a read from a body in small chunks: few more than a size line and a packet need. */
const SMALL_BYTES = 4 * 1024;
/**
 * The room of a read from a body in large chunks. A chunk that most clients send, of 64 KiB with
 * its size, fits into it, and the runtime then keeps nothing behind.
 */
const LARGE_BYTES = 65_536 + 64;
/** The reads in turn that must fill the small room before a body counts as one of large chunks. */
const FULL_READS = 4;

/**
 * The room of reads from a body that does not announce its length.
 *
 * The HTTP/1.1 server of Deno 2.9.6 takes from the socket, for each read, as many bytes as the
 * largest read so far had room for, even if it has others. It returns at most one chunk of the
 * transfer encoding, and moves the rest to the front. So with more room than the chunks have, each
 * read adds to what all later ones move. The runtime's own reader has room for 64 KiB.
 */
export class BodyRoom {
  #bytes = SMALL_BYTES;
  #fullReads = 0;

  /** The most room that the next read may have. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes account of a read: the room that it had, and the bytes that it returned. */
  note(room: number, bytes: number): void {
    this.#fullReads = room === bytes ? this.#fullReads + 1 : 0;
    if (this.#fullReads === FULL_READS) this.#bytes = LARGE_BYTES;
  }
}
