import { HOST_ENV } from "../process/mod.ts";
import type { ToolInfo } from "../tools/mod.ts";
import { difficultyOf, easiestFirst, exampleBody } from "./pages/mod.ts";

/** The facts about a server that its first words depend on. */
export interface ServerFacts {
  /** The address of the server, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly tools: readonly ToolInfo[];
  /** The number of pools that serve. */
  readonly pools: number;
  /** Names of the pools that have no worker until their code is repaired. */
  readonly broken?: readonly string[];
  /** True if requests need an API key. */
  readonly needsKey: boolean;
  /** The file with the API keys, if they come from one. */
  readonly keyFile?: string | undefined;
  /** True if all tools are those of the demo. */
  readonly isDemo: boolean;
}

/**
 * Returns what a person can do next with a server that has started: a command line that calls one
 * of its tools, and the page that shows all of them. The command line reads the API key from its
 * file or from the environment, and never contains it. If no pool serves, the text says what the
 * pools wait for instead.
 */
export function nextSteps(facts: ServerFacts): string {
  const { url, tools, pools, broken = [], needsKey, keyFile, isDemo } = facts;
  const demo = isDemo
    ? "These are the tools of the demo; docs/adapters.md shows how to serve your own.\n"
    : "";
  const key = needsKey && keyFile === undefined ? `, with your key in ${HOST_ENV.apiKey}` : "";
  const serving = pools === 0 && broken.length > 0 ? "" : `
Serving ${servedText(tools, pools)}. ${invitation(tools)}${key}:

  ${exampleCall(facts)}
`;
  return `${serving}${repairText(broken)}
Read about all tools, and try them: ${url}/docs
${demo}Stop the server with Ctrl-C.

`;
}

/** Returns what a person does about pools whose code is broken, or an empty text. */
function repairText(broken: readonly string[]): string {
  if (broken.length === 0) return "";
  const waiting = broken.length === 1
    ? `Pool ${broken[0]} waits for its code`
    : `Pools ${broken.join(", ")} wait for their code`;
  return `
${waiting}; the error is above.
Save the repaired file, and the tools are served: nothing else is needed.
`;
}

function servedText(tools: readonly ToolInfo[], pools: number): string {
  const ofHost = tools.filter(({ runsIn }) => runsIn === "host").length;
  const ofPools = `${counted(tools.length - ofHost, "tool")} in ${counted(pools, "pool")}`;
  return ofHost === 0 ? ofPools : `${ofPools} and ${counted(ofHost, "host tool")}`;
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Says what the line below it does. */
function invitation(tools: readonly ToolInfo[]): string {
  return easyTool(tools) === undefined ? "List them" : "Call one";
}

/** Returns the tool whose arguments are easiest to make up; undefined if none is easy. */
function easyTool(tools: readonly ToolInfo[]): ToolInfo | undefined {
  const [tool] = easiestFirst(tools);
  return tool === undefined || difficultyOf(tool) === Infinity ? undefined : tool;
}

/** Returns a line for a shell that calls a tool, or lists the tools if none is easy to call. */
function exampleCall({ url, tools, needsKey, keyFile }: ServerFacts): string {
  // The first line that is not empty is a key.
  const value = keyFile === undefined ? `$${HOST_ENV.apiKey}` : `$(grep -m1 . ${quoted(keyFile)})`;
  const key = needsKey ? ` -H "X-API-Key: ${value}"` : "";
  const tool = easyTool(tools);
  if (tool === undefined) return `curl -s ${quoted(`${url}/v1/tools`)}${key}`;
  // A call that names no pool goes to one that has the tool.
  const body = quoted(JSON.stringify(exampleBody(tool, { isShared: false })));
  const [flags, path] = tool.streams ? ["-sN", "/v1/stream"] : ["-s", "/v1/execute"];
  return `curl ${flags} ${quoted(url + path)}${key} -H 'content-type: application/json' -d ${body}`;
}

/** Returns the text as one word of a shell. */
function quoted(text: string): string {
  return /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
