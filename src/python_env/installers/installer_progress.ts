import { megabytes } from "../tree_size.ts";

const UNITS: Readonly<Record<string, number>> = {
  bytes: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
/** The least size of a download that is shown; smaller ones take no time worth showing. */
const SHOWN_BYTES = 1e6;

/**
 * A reader of the output of pip and uv. It reports the steps of an installation in readable lines,
 * and adds up the downloads. It skips lines that are not about a package.
 */
export class InstallerProgress {
  readonly #onProgress: (line: string) => void;
  #downloadedBytes = 0;

  constructor(onProgress: (line: string) => void) {
    this.#onProgress = onProgress;
  }

  /** The bytes of all downloads so far. uv does not report packages under 1 MiB. */
  get downloadedBytes(): number {
    return this.#downloadedBytes;
  }

  /** Reads one line. */
  read(line: string): void {
    const trimmed = line.trim();
    const download = downloadOf(trimmed);
    if (download !== null) this.#downloadedBytes += download.bytes;
    const text = download === null
      ? progressText(trimmed)
      : download.bytes >= SHOWN_BYTES
      ? `Downloading ${download.what} (${megabytes(download.bytes)})`
      : null;
    if (text !== null) this.#onProgress(text);
  }
}

/** Reads `Downloading grpcio-1.85.1-cp311-x.whl (6.8 MB)`, or `Downloading grpcio (6.5MiB)`. */
function downloadOf(line: string): { what: string; bytes: number } | null {
  const [, file = "", number, unit = ""] =
    /^Downloading (\S+) \(([\d.]+) ?([A-Za-z]+)\)$/.exec(line) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined || file.endsWith(".metadata")) return null;
  const name = file.slice(file.lastIndexOf("/") + 1);
  const [, packageName, version] = /^(.+?)-(\d[^-]*?)(?:-.*\.whl|\.tar\.\w+|\.zip)$/.exec(name) ??
    [];
  const what = packageName === undefined ? name : `${packageName} ${version}`;
  return { what, bytes: Math.round(Number(number) * factor) };
}

function progressText(line: string): string | null {
  const collecting = /^Collecting ([\w.-]+)==(\S+)/.exec(line);
  if (collecting !== null) return `Fetching ${collecting[1]} ${collecting[2]}`;
  const any = /^Collecting (\S+)/.exec(line);
  if (any !== null) return `Fetching ${any[1]}`;
  const installing = /^Installing collected packages: (.+)/.exec(line);
  if (installing !== null) return `Installing ${installing[1]}`;
  const building = /^Building wheel for (\S+)/.exec(line);
  if (building !== null) return `Compiling ${building[1]}`;
  const installed = /^\+ ([\w.-]+)==(\S+)$/.exec(line);
  if (installed !== null) return `Installed ${installed[1]} ${installed[2]}`;
  if (/^(ERROR|WARNING: Retrying|error|warning):?/.test(line)) return line;
  return null;
}
