/** Saves text, or parts of it, as a file of the type that MIME calls so. */
export function download(fileName: string, type: string, text: string | Blob[]): void {
  const url = URL.createObjectURL(new Blob(typeof text === 'string' ? [text] : text, { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(url);
}
