import type { FootnoteDefinition, Nodes, Root } from 'mdast';
import { type Handlers, toHast } from 'mdast-util-to-hast';
import { type Components, toJsxRuntime } from 'hast-util-to-jsx-runtime';
import { Component, createContext, memo, type ReactNode, use, useId, useMemo, useState } from 'react';
import { Fragment, jsx, jsxs } from 'react/jsx-runtime';
import { visit } from 'unist-util-visit';
import { CodeBlock } from './code-block';
import { type Block, Reader } from './reader';

/**
 * A model's answer in markdown. Blocks that are finished are not rendered again while it grows. Raw HTML stays text; images
 * become links, since loading one tells its server what is on the screen. What a parser would choke on is shown as it is.
 */
export function AnswerText({ text, growing }: { text: string; growing: boolean }) {
  return (
    <PlainWhenBroken text={text}>
      <Blocks text={text} growing={growing} />
    </PlainWhenBroken>
  );
}

function Blocks({ text, growing }: { text: string; growing: boolean }) {
  const [reader] = useState(() => new Reader());
  const id = useId();
  const blocks = useMemo(() => reader.read(text, growing), [reader, text, growing]);
  if (!blocks) return <Plain text={text} />;
  const notes = notesOf(blocks);
  return (
    <Notes value={{ id, names: notes.map(({ node }) => node.identifier) }}>
      <div className="markdown">
        {blocks.map((block, i) => (
          <PlainWhenBroken key={block.start} text={block.source}>
            <BlockView block={block} finished={!growing || i < blocks.length - 1} />
          </PlainWhenBroken>
        ))}
        {notes.length > 0 && (
          <ol aria-label="Footnotes" className="footnotes">
            {notes.map(({ node, block }, i) => (
              <li key={node.identifier} id={`${id}-${i + 1}`}>
                {elements(node.children, block)}
              </li>
            ))}
          </ol>
        )}
      </div>
    </Notes>
  );
}

interface Note {
  node: FootnoteDefinition;
  /** In which it stands. */
  block: Block;
}

/** The footnotes that are called, in the order of their calls. */
function notesOf(blocks: Block[]): Note[] {
  const all = blocks.filter(({ source }) => source.includes('[^'));
  const calls = new Set<string>();
  const notes = new Map<string, Note>();
  for (const block of all) {
    visit(block.node, (node) => {
      if (node.type === 'footnoteReference') calls.add(node.identifier);
      if (node.type === 'footnoteDefinition' && !notes.has(node.identifier))
        notes.set(node.identifier, { node, block });
    });
  }
  return [...calls].flatMap((name) => notes.get(name) ?? []);
}

/** Code is coloured once it is finished. */
const BlockView = memo(function BlockView({ block, finished }: { block: Block; finished: boolean }) {
  if (block.plain) return <Plain text={block.source} />;
  return elements([block.node], block, finished);
});

const handlers: Handlers = {
  html: (_state, { value }: { value: string }) => ({ type: 'text', value }),
  footnoteReference: (_state, { identifier }: { identifier: string }) => ({
    type: 'element',
    tagName: 'sup',
    properties: { id: identifier },
    children: [],
  }),
};

function elements(nodes: Root['children'], { links }: Block, finished = true): ReactNode {
  const tree: Nodes = { type: 'root', children: [...nodes, ...links] };
  return toJsxRuntime(toHast(tree, { handlers }), {
    Fragment,
    jsx,
    jsxs,
    components: finished ? finishedComponents : components,
  });
}

const components: Components = {
  a: ({ href, children }) => <OutwardLink href={href}>{children}</OutwardLink>,
  img: ({ src, alt }) => (
    <OutwardLink href={typeof src === 'string' ? src : ''}>{alt || 'Image'}</OutwardLink>
  ),
  // Of a list of tasks.
  input: ({ checked = false }) => (
    <input type="checkbox" checked={checked} disabled aria-label={checked ? 'Done' : 'Not done'} />
  ),
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
  sup: ({ id = '' }) => <NoteCall name={id} />,
  table: ({ children }) => (
    // A scrollable region must be reachable by keys.
    <div
      tabIndex={0}
      role="region"
      aria-label="Table"
      className="overflow-x-auto rounded-xl border border-line"
    >
      <table className="w-full text-sm">{children}</table>
    </div>
  ),
};

const finishedComponents: Components = {
  ...components,
  pre: ({ children }) => <CodeBlock coloured>{children}</CodeBlock>,
};

/** The names of an answer's footnotes, in the order of their numbers, and what their ids begin with. */
const Notes = createContext<{ id: string; names: string[] }>({ id: '', names: [] });

function NoteCall({ name }: { name: string }) {
  const { id, names } = use(Notes);
  const number = names.indexOf(name) + 1;
  if (number === 0) return <>[^{name}]</>; // it is still being written
  return (
    <sup>
      <a href={`#${id}-${number}`} aria-label={`Footnote ${number}`}>
        {number}
      </a>
    </sup>
  );
}

/** A link of a stranger's: http and https only. */
function OutwardLink({ href = '', children }: { href?: string; children?: ReactNode }) {
  if (!/^https?:\/\//i.test(href)) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

interface PlainState {
  text: string;
  failed: boolean;
}

/** Shows the text as it is when the markdown library fails on it. */
class PlainWhenBroken extends Component<{ text: string; children: ReactNode }, PlainState> {
  override state: PlainState = { text: '', failed: false };

  /** Another text gets another chance. */
  static getDerivedStateFromProps({ text }: { text: string }, state: PlainState): PlainState | null {
    return text === state.text ? null : { text, failed: false };
  }

  static getDerivedStateFromError(): Partial<PlainState> {
    return { failed: true };
  }

  override render() {
    const { text, children } = this.props;
    return this.state.failed ? <Plain text={text} /> : children;
  }
}

function Plain({ text }: { text: string }) {
  return <p className="whitespace-pre-wrap">{text}</p>;
}
