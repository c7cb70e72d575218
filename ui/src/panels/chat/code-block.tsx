import { toJsxRuntime } from 'hast-util-to-jsx-runtime';
import { isValidElement, type ReactNode } from 'react';
import { Fragment, jsx, jsxs } from 'react/jsx-runtime';
import { CopyButton } from '../../ui/copy-button';
import { highlight } from './highlight';

/** A block of code, given as the code element that markdown makes of it. */
export function CodeBlock({ children, coloured }: { children: ReactNode; coloured?: boolean }) {
  const { code, language } = read(children);
  const tree = coloured ? highlight(code, language) : undefined;
  return (
    <figure className="overflow-hidden rounded-xl border border-line bg-panel">
      <figcaption className="flex h-9 items-center justify-between border-b border-line bg-bg/60 pr-1 pl-3.5 font-mono text-xs text-fg-3">
        {language || 'text'}
        <CopyButton text={code} label="Copy code" />
      </figcaption>
      {/* A scrollable region must be reachable by keys. */}
      <pre tabIndex={0} className="overflow-x-auto p-3.5 font-mono text-[0.8rem] leading-relaxed wrap-normal">
        <code>{tree ? toJsxRuntime(tree, { Fragment, jsx, jsxs }) : code}</code>
      </pre>
    </figure>
  );
}

function read(children: ReactNode): { code: string; language: string } {
  if (!isValidElement<{ className?: string; children?: ReactNode }>(children))
    return { code: String(children), language: '' };
  const { className = '', children: code } = children.props;
  return {
    code: String(code ?? '').replace(/\n$/, ''),
    language: /language-([\w+#-]+)/.exec(className)?.[1] ?? '',
  };
}
