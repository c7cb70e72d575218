import type { Extension as Compiler } from 'mdast-util-from-markdown';
import type { Code, Extension, State, Tokenizer } from 'micromark-util-types';

declare module 'micromark-util-types' {
  interface TokenTypeMap {
    formula: 'formula';
  }
}

const DOLLAR = 36;
const BACKSLASH = 92;

const isSpace = (code: Code) => code === null || code < 0 || code === 32;
const isWord = (code: Code) => code !== null && code > 0 && /\w/.test(String.fromCodePoint(code));

/** \(a\) and \[a\]. */
const bracketed: Tokenizer = (effects, ok, nok) => {
  let closer: Code;
  const begin: State = (code) => {
    effects.enter('formula');
    effects.consume(code);
    return open;
  };
  const open: State = (code) => {
    if (code !== 40 && code !== 91) return nok(code);
    closer = code === 40 ? 41 : 93;
    effects.consume(code);
    return inside;
  };
  const inside: State = (code) => {
    if (code === null) return nok(code);
    effects.consume(code);
    return code === BACKSLASH ? escaped : inside;
  };
  const escaped: State = (code) => {
    if (code !== closer) return inside(code);
    effects.consume(code);
    effects.exit('formula');
    return ok;
  };
  return begin;
};

/** $$a$$, and $a$ where the dollars stand tight around it: others are money. */
const dollars: Tokenizer = (effects, ok, nok) => {
  let size = 0;
  let before: Code;
  const begin: State = (code) => {
    effects.enter('formula');
    return open(code);
  };
  const open: State = (code) => {
    if (code !== DOLLAR) return size > 2 || (size === 1 && isSpace(code)) ? nok(code) : inside(code);
    size++;
    effects.consume(code);
    return open;
  };
  const inside: State = (code) => {
    if (code === null) return nok(code);
    if (code === DOLLAR) return close(size)(code);
    before = code;
    effects.consume(code);
    return inside;
  };
  const close =
    (left: number): State =>
    (code) => {
      if (left === 0 && size === 1 && (isSpace(before) || isWord(code))) return nok(code);
      if (left > 0 && code !== DOLLAR) return nok(code);
      if (left > 0) {
        effects.consume(code);
        return close(left - 1);
      }
      effects.exit('formula');
      return ok(code);
    };
  return begin;
};

/** Formulas as spans of their own, in which nothing is markdown. */
export const formulas: Extension = {
  text: {
    [DOLLAR]: { tokenize: dollars, previous: (code) => !isWord(code) },
    [BACKSLASH]: { tokenize: bracketed },
  },
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
