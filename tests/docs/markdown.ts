/** A fenced block of a page, with what its reader cannot see. */
export interface Snippet {
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** First word after the fence; empty when there is none. */
  readonly language: string;
  readonly text: string;
  /** The comment in front of the fence that says how the snippet is run. */
  readonly directive?: Directive;
  /** True if nothing but blank lines lies between this snippet and the one before. */
  readonly followsSnippet: boolean;
}

/** An instruction in a comment, such as `<!-- not run: it takes an hour -->`. */
export interface Directive {
  readonly kind: typeof KINDS[number];
  readonly value: string;
}

const KINDS = ["file", "not run", "run by"] as const;

const ALIASES: Readonly<Record<string, string>> = { bash: "sh", py: "python", typescript: "ts" };

const COMMENT = new RegExp(`^<!-- (${KINDS.join("|")}): (.+) -->$`);

/** Returns the fenced blocks of a page in Markdown. */
export function snippetsOf(markdown: string): Snippet[] {
  const snippets: Snippet[] = [];
  const lines = markdown.split("\n");
  /** The last lines that are not blank: the text before a fence, or a fence. */
  let before = "";
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const [, indent, fence, info = ""] = /^( *)(`{3,})([^`]*)$/.exec(line) ?? [];
    if (indent === undefined || fence === undefined) {
      if (line.trim() !== "") before = line.trim();
      continue;
    }
    const first = i + 1;
    while (++i < lines.length && (lines[i] ?? "").trim() !== fence) continue;
    const text = lines.slice(first, i).map((it) => it.replace(indent, "")).join("\n");
    const directive = directiveOf(before);
    const language = info.trim().split(/\s/)[0] ?? "";
    snippets.push({
      line: first,
      language: ALIASES[language] ?? language,
      text: `${text}\n`,
      ...(directive === undefined ? {} : { directive }),
      followsSnippet: before === FENCE,
    });
    before = FENCE;
  }
  return snippets;
}

/** Stands for a closed fence among the lines of a page. */
const FENCE = "```";

/** Returns the files in comments of a page, which its readers do not see. */
export function hiddenFilesOf(markdown: string): { name: string; text: string }[] {
  return [...markdown.matchAll(/^<!-- file: (\S+)\n([^]*?\n)-->$/gm)]
    .map(([, name = "", text = ""]) => ({ name, text }));
}

/** Returns the directive that a line is, or undefined. */
export function directiveOf(line: string): Directive | undefined {
  const [, kind, value] = COMMENT.exec(line.trim()) ?? [];
  const known = KINDS.find((it) => it === kind);
  return known === undefined || value === undefined ? undefined : { kind: known, value };
}

/** Returns the file that a snippet is, by its comment or by the comment in its first line. */
export function fileNameOf({ directive, text }: Snippet): string | undefined {
  if (directive?.kind === "file") return directive.value;
  return /^(?:\/\/|#) ([\w./-]+\.\w+)$/m.exec(text.split("\n", 1)[0] ?? "")?.[1];
}
