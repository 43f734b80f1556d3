import { formatted } from "../config_tables.ts";
import table from "../../python/src/snakeden/thread_safety/libraries.json" with { type: "json" };

/** The facts of one library, which Python reads from the same file. */
export interface Library {
  readonly name: string;
  /** The modules that it is imported by; the first one tells whether it is there. */
  readonly modules: readonly string[];
  /** The packages that it is installed by; empty for a part of Python. */
  readonly distributions: readonly string[];
  /** The verdict on calls that overlap in several threads. */
  readonly threads: LibraryThreads;
  readonly note: string;
  readonly workaround: string;
  /**
   * The first version for a Python without an interpreter lock: "any" for code in Python alone,
   * null if there is none.
   */
  readonly freeThreadedSince: string | null;
  /** The note on event loops; absent if it does nothing but compute. */
  readonly async?: string;
  /** The reason not to fork a process that has used it. */
  readonly fork?: string;
  /** The page that says so. */
  readonly source: string;
}

/** A verdict: calls may overlap, may overlap on a condition that the note names, or may not. */
export type LibraryThreads = "safe" | "conditional" | "unsafe";

/** All libraries: the safe ones, then the others, each by name. */
export const LIBRARIES: readonly Library[] = table.libraries as readonly Library[];

/** Matches the part of docs/workers.md between its two marks. */
const MARKED = /(?<=<!-- libraries -->\n\n).*(?=\n<!-- end of libraries -->)/s;

/** Returns docs/workers.md with the list of libraries in it. */
export async function withLibraryList(page: string): Promise<string> {
  if (!MARKED.test(page)) throw new Error("the page has no marks for the list of libraries");
  return await formatted(page.replace(MARKED, () => libraryList()));
}

function libraryList(): string {
  const sections = (["unsafe", "conditional", "safe"] as const).map((threads) => {
    const items = LIBRARIES.filter((it) => it.threads === threads).map((it) => {
      const since = it.freeThreadedSince;
      const free = since === null || since === "any" ? "" : ` (free-threaded from ${since} on)`;
      return `- **[${it.name}](${it.source})**${free}: ${it.note} _${it.workaround}_`;
    });
    return [TITLES[threads], "", ...items].join("\n");
  });
  return `${sections.join("\n\n")}\n`;
}

const TITLES: Readonly<Record<LibraryThreads, string>> = {
  unsafe: "**Unsafe in threads:**",
  conditional: "**Conditional:**",
  safe: "**Safe:**",
};
