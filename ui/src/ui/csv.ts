/** Rows as comma-separated values (RFC 4180). Text is quoted, numbers are not. */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

// Spreadsheets run a cell that begins like a formula, quoted or not; one that begins with ' they show.
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const inert = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(value) ? `'${value}` : value;
  return `"${inert.replaceAll('"', '""')}"`;
}
