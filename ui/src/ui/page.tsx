import clsx from 'clsx';
import type { ReactNode } from 'react';

/** A panel's frame: its title, what it is for, what can be done, and the content. */
export function Page({
  title,
  lead,
  actions,
  children,
}: {
  title: string;
  lead: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="mx-auto flex max-w-6xl flex-col gap-4 px-4 pt-5 pb-8 sm:px-8 sm:pt-7">
      <header className="flex flex-wrap items-end gap-3">
        <div className="min-w-0">
          <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
          <p className="mt-0.5 text-fg-2">{lead}</p>
        </div>
        {actions && <div className="ml-auto flex flex-wrap gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A surface with a heading. flush: the content, such as a table, brings its own padding. */
export function Card({
  title,
  aside,
  flush,
  children,
}: {
  title?: ReactNode;
  aside?: ReactNode;
  flush?: boolean;
  children: ReactNode;
}) {
  return (
    <section className="min-w-0 overflow-hidden rounded-xl border border-line bg-panel shadow-card">
      {title && (
        <header
          className={clsx(
            'flex min-h-12 flex-wrap items-center gap-2 px-4 py-2',
            flush && 'border-b border-line',
          )}
        >
          <h2 className="font-medium">{title}</h2>
          {aside && <div className="ml-auto flex items-center gap-2 text-xs text-fg-2">{aside}</div>}
        </header>
      )}
      <div className={clsx(!flush && 'px-4 pb-4', !flush && !title && 'pt-4')}>{children}</div>
    </section>
  );
}
