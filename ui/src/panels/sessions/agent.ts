// In the order in which they are looked for: Edge and Opera call themselves Chrome too, and Chrome Safari.
const programs: [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)[\d.]* (?:Mobile\/\w+ )?Safari\//, 'Safari'],
  [/^curl\/([\d.]+)/, 'curl'],
  [/^grpcurl\/v?([\d.]+)/, 'grpcurl'],
];

const systems: [RegExp, string][] = [
  [/\bWindows\b/, 'Windows'],
  [/\b(?:iPhone|iPad)\b/, 'iOS'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** A User-Agent in a few words: "Chrome 141 · macOS". One that is not known stays as it is. */
export function agentName(agent: string): string {
  const program = firstOf(programs, agent);
  if (!program) return agent || 'Unknown program';
  const system = firstOf(systems, agent);
  return system ? `${program} · ${system}` : program;
}

function firstOf(names: [RegExp, string][], agent: string): string | undefined {
  for (const [pattern, name] of names) {
    const found = pattern.exec(agent);
    if (found) return found[1] ? `${name} ${found[1]}` : name;
  }
  return undefined;
}
