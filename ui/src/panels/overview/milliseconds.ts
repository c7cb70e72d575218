/** "< 0.1 ms", "3.2 ms", "120 ms". */
export function milliseconds(ms: number): string {
  if (ms < 0.1) return '< 0.1 ms';
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
