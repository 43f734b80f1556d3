/**
 * A line of a stack as Python's faulthandler writes it, most recent call first; a traceback has a
 * comma before the `in`.
 */
export const DUMPED_FRAME = /^ {2}File ".*", line \d+ in /;
/** A dumped frame of our own package, but for the tools of the demo. */
export const OWN_FRAME = /^ {2}File ".*\/src\/snakeden\/(?!demo\/)[\w/]+\.py", line \d+ in /;
/**
 * The heading of the frames of each thread except the one that crashed; a worker has some threads
 * of its own.
 */
export const OTHER_THREAD = /^Thread 0x[0-9a-f]+ .*\(most recent call first\):$/;

/**
 * The part that a line of stderr plays in a dump: `heading` of the frames of a thread, `own` for
 * what explains no crash of a tool, and `plain` for anything else.
 */
export type DumpLine = "heading" | "own" | "plain";

/** Finds in the lines of stderr the frames and threads of a dump that are Snakeden's own. */
export class StackDump {
  #thread: "none" | "new" | "own" | "other" = "none";

  /** Reads the next line. A `heading` plays the part of the line that follows. */
  read(text: string): DumpLine {
    const isOutside = this.#thread === "none";
    if (isOutside && !text.startsWith("Thread 0x") && !text.startsWith("  File ")) return "plain";
    if (OTHER_THREAD.test(text)) {
      this.#thread = "new";
      return "heading";
    }
    const isOwn = OWN_FRAME.test(text);
    if (isOutside || DUMPED_FRAME.test(text)) {
      // A thread of ours has a frame of ours at the top; below are those of the standard library.
      if (this.#thread === "new") this.#thread = isOwn ? "own" : "other";
      return isOwn || this.#thread === "own" ? "own" : "plain";
    }
    const endsOwn = this.#thread === "own" && text === "";
    this.#thread = "none";
    return endsOwn ? "own" : "plain";
  }
}
