/** A command of a block for a shell, and what the block shows of its output. */
export interface ShellCommand {
  readonly command: string;
  /** The output in the comments after the command; undefined if they are prose. */
  readonly output?: string;
  /** The HTTP status in these comments. */
  readonly status?: number;
}

/** Returns the commands of a block. A line goes on behind a backslash, and inside of quotes. */
export function commandsOf(block: string): ShellCommand[] {
  const commands: { command: string; comments: string[] }[] = [];
  for (const { command, comment } of linesOf(block.replaceAll("\\\n", " "))) {
    if (command !== "") commands.push({ command, comments: [] });
    if (comment !== "") commands.at(-1)?.comments.push(comment);
  }
  return commands.map(({ command, comments }) => ({ command, ...shownIn(comments.join("\n")) }));
}

function* linesOf(block: string): Generator<{ command: string; comment: string }> {
  const QUOTES = /(?<=^|\s)#.*|'[^']*'|"(?:[^"\\]|\\.)*"|\n|[^'"\n#]+|[^]/g;
  let [command, comment] = ["", ""];
  for (const [part] of `${block}\n`.matchAll(QUOTES)) {
    if (part === "\n") {
      yield { command: command.trim(), comment };
      [command, comment] = ["", ""];
    } else if (part.startsWith("#")) comment = part.replace(/^#\s*/, "");
    else command += part;
  }
}

/** Comments that begin like JSON, an event or a status show output; others are prose. */
function shownIn(comment: string): { output?: string; status?: number } {
  const [, status, rest = ""] = /^(?:(\d{3})\b\s*)?([^]*)$/.exec(comment) ?? [];
  return {
    ...(status === undefined ? {} : { status: Number(status) }),
    ...(/^(?:[[{"]|event:|id:)/.test(rest) ? { output: rest } : {}),
  };
}
