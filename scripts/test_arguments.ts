/** The arguments of each runner; null if it does not run. */
export interface TestArguments {
  readonly deno: { readonly options: readonly string[]; readonly paths: readonly string[] } | null;
  readonly pytest: readonly string[] | null;
  /** True if a part was chosen, so that a runner may find no test. */
  readonly partial: boolean;
  /** True if tests that can take any time take long: chaos, and kills of a host. */
  readonly long: boolean;
}

const DEFAULT_PATHS: readonly string[] = ["tests/"];

/**
 * Splits the arguments of `deno task test`: paths under python/ and `.py` files go to pytest, other
 * paths to `deno test`. With paths of one side only, the other does not run. `--filter TEXT` goes
 * to both, `--long` to neither, and other options to `deno test`.
 */
export function testArguments(args: readonly string[]): TestArguments {
  const options: string[] = [];
  const [denoPaths, pytestPaths]: [string[], string[]] = [[], []];
  let filter: string | undefined;
  let long = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--filter") filter = args[++i] ?? "";
    else if (arg.startsWith("--filter=")) filter = arg.slice("--filter=".length);
    else if (arg === "--long") long = true;
    else if (arg.startsWith("-")) options.push(arg);
    else if (/^(\.\/)?python(\/|$)/.test(arg) || /\.py(::|$)/.test(arg)) {
      pytestPaths.push(arg.replace(/^(\.\/)?python\/?/, "") || ".");
    } else denoPaths.push(arg);
  }
  const all = denoPaths.length === 0 && pytestPaths.length === 0;
  const denoFilter = filter === undefined ? [] : ["--filter", filter];
  const pytestFilter = filter === undefined ? [] : ["-k", filter];
  return {
    deno: all || denoPaths.length > 0
      ? { options: [...options, ...denoFilter], paths: all ? DEFAULT_PATHS : denoPaths }
      : null,
    pytest: all || pytestPaths.length > 0 ? [...pytestFilter, ...pytestPaths] : null,
    partial: !all || filter !== undefined,
    long,
  };
}
