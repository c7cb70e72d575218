import type { Definition, FootnoteDefinition, RootContent } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { visit } from 'unist-util-visit';
import { formulas, formulasAsCode } from './formula';
import { isTooMuch, untangled } from './nesting';

/** A paragraph, a list, a block of code: what a text consists of. */
export interface Block {
  node: RootContent;
  /** As it is written. */
  source: string;
  start: number;
  end: number;
  /** Those of links that it refers to. */
  links: Definition[];
  /** It is not to be parsed, but shown as it is written. */
  plain: boolean;
}

/** By how they are referred to: [name] or [^name], in lower case. */
type Definitions = Map<string, Definition | FootnoteDefinition>;

/**
 * Reads a text that grows. Blocks that no later text can change stay the same objects, and are not parsed again, except
 * those that refer to what is defined later.
 */
export class Reader {
  #text = '';
  #blocks: Block[] = [];
  #settled = 0;
  #definitions: Definitions = new Map();

  /** Undefined when it would take too long to parse. */
  read(text: string, growing: boolean): Block[] | undefined {
    if (isTooMuch(text)) return undefined;
    if (!text.startsWith(this.#text)) this.#settled = 0;
    if (this.#settled === 0) this.#definitions = new Map();
    const before = this.#blocks.slice(0, this.#settled);
    const blocks = [...before, ...blocksOf(text, before.at(-1)?.end ?? 0, this.#definitions)];
    this.#settled = growing ? settledOf(blocks, text) : blocks.length;
    const added = definitionsIn(blocks.slice(before.length, this.#settled), this.#definitions);
    this.#definitions = new Map([...this.#definitions, ...added]);
    this.#text = text;
    this.#blocks = blocks.map((block) => this.#referring(block, added));
    return this.#blocks;
  }

  /** The block, made anew if it refers to a definition that was not known to it. */
  #referring(block: Block, added: Definitions): Block {
    if (namedIn(block.source, added).length === 0) return block;
    const [made = block] = blocksOf(block.source, 0, this.#definitions);
    return { ...made, start: block.start, end: block.end };
  }
}

/** The blocks from there on. A parser knows what is defined by stubs before the text, of names that occur in it. */
function blocksOf(text: string, from: number, definitions: Definitions): Block[] {
  const written = text.slice(from);
  const stubs = namedIn(written, definitions).map(([name]) => `${name}: x\n\n`);
  const head = stubs.length > 0 ? `${stubs.join('')}***\n\n` : '';
  const source = untangled(written);
  const { children } = fromMarkdown(head + source, {
    extensions: [gfm(), formulas],
    mdastExtensions: [gfmFromMarkdown(), formulasAsCode],
  });
  return children
    .map((node) => ({ node, at: offsetsOf(node).map((offset) => offset - head.length) }))
    .filter(({ at: [start = 0] }) => start >= 0)
    .map(({ node, at: [start = 0, end = 0] }) => {
      const own = written.slice(start, end);
      const links = namedIn(own, definitions).map(([, definition]) => definition);
      return {
        node,
        source: own,
        start: from + start,
        end: from + end,
        links: links.filter((definition) => definition.type === 'definition'),
        plain: own !== source.slice(start, end),
      };
    });
}

function offsetsOf({ position }: RootContent): number[] {
  return [position!.start.offset!, position!.end.offset!];
}

/** How many of the blocks will stay as they are, whatever follows the text. */
function settledOf(blocks: Block[], text: string): number {
  let last = blocks.length - 1;
  while (last > 0 && mayJoin(blocks[last - 1]!, blocks[last]!, text)) last--;
  return Math.max(0, last);
}

/** Whether the last block, or its beginning, may turn out to belong to the one before. */
function mayJoin(before: Block, last: Block, text: string): boolean {
  const tail = text.slice(last.start);
  const apart = /\n[ \t]*\n/.test(text.slice(before.end, last.start));
  if (apart) return before.node.type === 'list' && /^\d{1,9}[.)]?$/.test(tail); // a number of it, it may be
  return before.node.type === 'definition' || !/\n.*\n/.test(tail); // a title, or not yet a heading, table or rule
}

function definitionsIn(blocks: Block[], known: Definitions): Definitions {
  const found: Definitions = new Map();
  for (const { node } of blocks) {
    visit(node, ['definition', 'footnoteDefinition'], (inner) => {
      if (inner.type !== 'definition' && inner.type !== 'footnoteDefinition') return;
      const name = `[${inner.type === 'definition' ? '' : '^'}${inner.identifier}]`;
      if (!known.has(name) && !found.has(name)) found.set(name, inner);
    });
  }
  return found;
}

function namedIn(text: string, definitions: Definitions): [string, Definition | FootnoteDefinition][] {
  if (definitions.size === 0) return [];
  const folded = text.toLowerCase().replace(/\s+/g, ' ');
  return [...definitions].filter(([name]) => folded.includes(name));
}
