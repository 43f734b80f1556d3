import { type OutputLine, STARTUP } from "./output_marks.ts";
import { DUMPED_FRAME, OTHER_THREAD, OWN_FRAME } from "./stack_dump.ts";

/**
 * Dumped lines that do not explain the crash: frames of our own and of the import system, and the
 * list of native modules.
 */
const NOISE = [
  /^ {2}File "<frozen .*", line \d+ in /,
  /^ {2}File ".*\/importlib\/__init__\.py", line \d+ in /,
  OWN_FRAME,
  /^Extension modules: /,
];
/**
 * The most frames that are kept of the thread that crashed. The whole dump would push out the line
 * before it, which says what happened.
 */
const MAX_DUMPED_FRAMES = 8;
/**
 * The lines that a process writes when an error in native code or a limit kills it. Only its own
 * code can have caused that.
 */
const DUMP = /^(?:Fatal Python error: |Current thread 0x[0-9a-f]+ )/;

/** The last lines of an output, for error texts: at most `maxLines`, each cut at 500 characters. */
export class OutputTail {
  readonly #lines: OutputLine[] = [];
  readonly #maxLines: number;
  #dumpedFrames = 0;

  constructor(maxLines = 20) {
    this.#maxLines = maxLines;
  }

  push({ text, owner }: OutputLine): void {
    // Progress bars and blank lines would push out the line that explains the crash.
    if (text.trim() === "" || NOISE.some((it) => it.test(text))) return;
    if (OTHER_THREAD.test(text)) this.#dumpedFrames = Infinity;
    else this.#dumpedFrames = DUMPED_FRAME.test(text) ? this.#dumpedFrames + 1 : 0;
    if (this.#dumpedFrames > MAX_DUMPED_FRAMES) return;
    this.#lines.push({ text: text.length > 500 ? `${text.slice(0, 500)}…` : text, owner });
    if (this.#lines.length > this.#maxLines) this.#lines.shift();
  }

  /** The lines, the oldest first. */
  get lines(): readonly string[] {
    return this.#lines.map(({ text }) => text);
  }

  /** The dump that the process wrote as it died, of the lines that belong to no call. */
  get dump(): readonly string[] {
    const ofNobody = this.#lines.filter(({ owner }) => owner <= 0);
    const start = ofNobody.findIndex(({ text }) => DUMP.test(text));
    return start < 0 ? [] : ofNobody.slice(start).map(({ text }) => text);
  }

  /**
   * Returns the lines that these calls have written (without calls, the lines of the start), and
   * the dump that the process wrote as it died. Lines of other calls are never included, even if
   * they look like a dump.
   */
  of(calls: readonly number[]): readonly string[] {
    const isOwn = ({ owner }: OutputLine): boolean =>
      calls.length === 0 ? owner === STARTUP : calls.includes(owner);
    const ofNoOther = this.#lines.filter((it) => isOwn(it) || it.owner <= 0);
    const dump = ofNoOther.findIndex(({ text }) => DUMP.test(text));
    return ofNoOther
      .filter((line, i) => isOwn(line) || (dump >= 0 && i >= dump))
      .map(({ text }) => text);
  }
}
