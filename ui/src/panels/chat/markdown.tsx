import { Lexer } from 'marked';
import { Component, memo, type ReactNode, useMemo } from 'react';
import Markdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { CodeBlock } from './code-block';
import { isTangled, isTooMuch } from './nesting';

/**
 * A model's answer. Its markdown is split into blocks: those that are finished are not rendered again while the last one
 * grows. Raw HTML stays text; images become links, since loading one tells its server what is on the screen. What a parser would choke on is
 * shown as it is.
 */
export function AnswerText({ text, growing }: { text: string; growing: boolean }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  if (!blocks) return <Plain text={text} />;
  return (
    <div className="markdown">
      {blocks.map((block, i) => (
        // A block keeps its place while what follows grows.
        // oxlint-disable-next-line react/no-array-index-key
        <PlainWhenBroken key={i} text={block}>
          <Block text={block} finished={!growing || i < blocks.length - 1} />
        </PlainWhenBroken>
      ))}
    </div>
  );
}

/** The blocks as they are written; undefined where the text cannot be split. */
function blocksOf(text: string): string[] | undefined {
  if (isTooMuch(text)) return undefined;
  try {
    return new Lexer({ gfm: true }).blockTokens(text.replace(/\r\n?/g, '\n')).map((token) => token.raw);
  } catch {
    return undefined;
  }
}

const plugins = [remarkGfm];

/** Code is coloured once it is finished. */
const Block = memo(function Block({ text, finished }: { text: string; finished: boolean }) {
  if (!/^ {0,3}(```|~~~)/.test(text) && isTangled(text)) return <Plain text={text} />;
  return (
    <Markdown remarkPlugins={plugins} components={finished ? finishedComponents : components}>
      {text}
    </Markdown>
  );
});

const components: Components = {
  a: ({ href, children }) => <OutwardLink href={href}>{children}</OutwardLink>,
  img: ({ src, alt }) => (
    <OutwardLink href={typeof src === 'string' ? src : ''}>{alt || 'Image'}</OutwardLink>
  ),
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
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
