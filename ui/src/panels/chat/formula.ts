import type { Extension as Compiler } from 'mdast-util-from-markdown';
import type { Code, Extension, State, Tokenizer } from 'micromark-util-types';

declare module 'micromark-util-types' {
  interface TokenTypeMap {
    formula: 'formula';
    formulaPart: 'formulaPart';
  }
}

/** How formulas begin and end. */
const fences = ['\\( \\)', '\\[ \\]', '$$ $$', '$ $'].map((pair) => pair.split(' ') as [string, string]);

const isWord = (code: Code) => code !== null && code > 0 && /\w/.test(String.fromCodePoint(code));

const tokenize: Tokenizer = (effects, ok, nok) => {
  let text = '';
  const next: State = (code) => {
    const [opener, closer] = fences.find(([begin]) => text.startsWith(begin)) ?? ['', ' '];
    if (text.length > 1 && !opener) return nok(code);
    if (text.endsWith(closer) && text.length >= opener.length + closer.length) {
      // Single dollars stand tight around it: others are money.
      if (opener === '$' && (/^.\s|\s.$/.test(text) || isWord(code))) return nok(code);
      effects.exit('formulaPart');
      effects.exit('formula');
      return ok(code);
    }
    if (code === null || (code < -2 && (text.length < 2 || opener === '$'))) return nok(code);
    text += code < 0 ? ' ' : String.fromCodePoint(code);
    if (code >= -2) {
      effects.consume(code);
      return next;
    }
    effects.exit('formulaPart');
    effects.enter('lineEnding');
    effects.consume(code);
    effects.exit('lineEnding');
    return nextLine;
  };
  const nextLine: State = (code) => {
    if (code === null || code < -2) return nok(code);
    effects.enter('formulaPart');
    return next(code);
  };
  return (code) => {
    effects.enter('formula');
    return nextLine(code);
  };
};

/** Formulas as spans of their own, in which nothing is markdown: \(a\), \[a\], $$a$$ and $a$. */
export const formulas: Extension = {
  text: { 36: { tokenize, previous: (code) => !isWord(code) }, 92: { tokenize } },
};

/** They show as they are written. */
export const formulasAsCode: Compiler = {
  enter: {
    formula(token) {
      this.enter({ type: 'inlineCode', value: this.sliceSerialize(token) }, token);
    },
  },
  exit: {
    formula(token) {
      this.exit(token);
    },
  },
};
