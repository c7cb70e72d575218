import type { ReactElement, ReactNode } from 'react';

interface EmptyStateProps {
  icon: ReactElement;
  title: string;
  /** What to do so that there is something. */
  children?: ReactNode;
  action?: ReactNode;
}

/** Nothing here, and what to do about it. */
export function EmptyState({ icon, title, children, action }: EmptyStateProps) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-3 px-4 py-12 text-center">
      <span className="grid size-11 place-items-center rounded-xl border border-line bg-panel text-fg-2 shadow-card [&_svg]:size-5">
        {icon}
      </span>
      <h2 className="text-lg font-semibold">{title}</h2>
      {children && <div className="text-balance text-fg-2">{children}</div>}
      {action}
    </div>
  );
}
