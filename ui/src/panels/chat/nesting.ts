/** How deep markdown may nest, and how long it may be in characters, before it is shown as plain text. */
const DEEPEST = 50;
const LONGEST = 200_000;

/** More quotes and lists than that begin on one line. */
const CONTAINERS = new RegExp(`^(?:[ \\t]*(?:>|(?:[*+-]|\\d{1,9}[.)])[ \\t])){${DEEPEST + 1}}`, 'm');

/** A list item that is indented by as many lists, two columns each. */
const INDENTED = new RegExp(`^(?: {2}|\\t){${DEEPEST},}[ \\t]*(?:[*+-]|\\d{1,9}[.)])[ \\t]`, 'm');

/** Brackets, formulas and stars that open, at the beginning of a word; and that close, at its end. */
const OPENING = /!?\[|\\\(|(?<![^\s\p{P}])[*_~]+(?=[^\s*_~])/gu;
const CLOSING = /\]|\\\)|(?<=[^\s*_~])[*_~]+(?![^\s\p{P}])/gu;

/** Fenced code, and else paragraphs, in which emphasis and links end. */
const PARTS = /^[ \t]*(`{3,}|~{3,})[^]*?(?:^[ \t]*\1|$(?![^]))|^(?:(?![ \t]*(?:```|~~~)).*\S.*(?:\n|$))+/gm;

/** Whether parsing the markdown would take a parser too long, or too many calls: seconds for 3,000 stars. */
export function isTooMuch(text: string): boolean {
  return text.length > LONGEST || CONTAINERS.test(text) || INDENTED.test(text);
}

/** The text with nothing to parse in the paragraphs of which the same is true; each is as long as before. */
export function untangled(text: string): string {
  return text.replace(PARTS, (part: string, fence?: string) =>
    fence || !isTangled(part) ? part : part.replace(/./g, '%'),
  );
}

function isTangled(paragraph: string): boolean {
  const steps = [
    ...Array.from(paragraph.matchAll(OPENING), ({ index }) => ({ index, by: 1 })),
    ...Array.from(paragraph.matchAll(CLOSING), ({ index }) => ({ index, by: -1 })),
  ].toSorted((a, b) => a.index - b.index);
  let depth = 0;
  return steps.some(({ by }) => (depth = Math.max(0, depth + by)) > DEEPEST);
}
