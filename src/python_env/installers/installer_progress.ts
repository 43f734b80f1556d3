/**
 * Turns the lines that pip and uv write into lines for people; what says nothing about a package is
 * left out.
 */
export function installerProgress(onProgress: (line: string) => void): (line: string) => void {
  return (line) => {
    const text = progressText(line.trim());
    if (text !== null) onProgress(text);
  };
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
