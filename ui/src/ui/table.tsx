import clsx from 'clsx';
import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react';
import { type KeyboardEvent, type MouseEvent, type ReactNode, type Ref, useRef } from 'react';
import { Button } from './button';
import { useShortcuts } from './shortcuts';

interface TableProps {
  /** What its rows are. */
  label: string;
  head: ReactNode;
  children: ReactNode;
  /** Its rows. */
  ref?: Ref<HTMLTableSectionElement>;
}

/** A table in a Card that is flush. */
export function Table({ label, head, children, ref }: TableProps) {
  return (
    <div className="overflow-x-auto">
      <table aria-label={label} className="w-full text-left text-sm">
        <thead>
          <tr className="border-b border-line bg-bg/60 text-xs text-fg-2">{head}</tr>
        </thead>
        <tbody ref={ref} className="divide-y divide-line">
          {children}
        </tbody>
      </table>
    </div>
  );
}

interface ListTableProps extends Omit<TableProps, 'ref'> {
  /** The rows are not there yet: children are skeletons. */
  loading: boolean;
  /** The rows are not those that were asked for last. */
  stale: boolean;
  pagination: PaginationProps;
}

/** A page of a long list. j leads to the link of its first row. */
export function ListTable({ loading, stale, pagination, ...table }: ListTableProps) {
  const rows = useRef<HTMLTableSectionElement>(null);
  useShortcuts({ j: () => rows.current?.querySelector('a')?.focus() });
  return (
    <>
      <div aria-busy={loading || stale} className={stale ? 'opacity-60 transition-opacity' : undefined}>
        <Table ref={rows} {...table} />
      </div>
      {!loading && <Pagination {...pagination} />}
    </>
  );
}

type Sort = 'ascending' | 'descending' | 'none';

interface HeadProps {
  children: ReactNode;
  /** Left out on a phone, where rows are of two lines. */
  wideOnly?: boolean;
  end?: boolean;
  /** With onSort: how the rows are sorted by this column. */
  sort?: Sort;
  onSort?: () => void;
}

export function Head({ children, wideOnly, end, sort = 'none', onSort }: HeadProps) {
  const Icon = { ascending: ArrowUp, descending: ArrowDown, none: ChevronsUpDown }[sort];
  return (
    <th
      scope="col"
      aria-sort={onSort && sort}
      className={clsx('h-9 px-4 font-medium', wideOnly && 'hidden md:table-cell', end && 'text-right')}
    >
      {onSort ? (
        <button
          type="button"
          onClick={onSort}
          className="inline-flex items-center gap-1 rounded hover:text-fg"
        >
          {children}
          <Icon className={clsx('size-3', sort === 'none' && 'opacity-50')} aria-hidden />
        </button>
      ) : (
        children
      )}
    </th>
  );
}

/** A row. The way to what it stands for is a link in its first cell; the row is a larger target for the pointer. */
export function Row({
  children,
  selected,
  onClick,
}: {
  children: ReactNode;
  selected?: boolean;
  onClick?: () => void;
}) {
  return (
    <tr
      onClick={onClick}
      className={clsx(onClick && 'cursor-pointer hover:bg-hover/60', selected && 'bg-accent-soft/50')}
    >
      {children}
    </tr>
  );
}

/**
 * What the link in a Row does: it opens what the row stands for here, unless it is to open elsewhere, and arrow keys, or j
 * and k, lead from row to row.
 */
export function rowLink(open: () => void) {
  return {
    onClick: (event: MouseEvent) => {
      event.stopPropagation(); // the row would open it a second time
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      open();
    },
    onKeyDown: (event: KeyboardEvent<HTMLAnchorElement>) => {
      const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
      if (!step) return;
      const links = [...event.currentTarget.closest('tbody')!.querySelectorAll('a')];
      const target = links[links.indexOf(event.currentTarget) + step];
      event.preventDefault();
      target?.focus();
    },
  };
}

interface CellProps {
  children?: ReactNode;
  wideOnly?: boolean;
  end?: boolean;
  mono?: boolean;
  /** Less loud. */
  dim?: boolean;
}

export function Cell({ children, wideOnly, end, mono, dim }: CellProps) {
  return (
    <td
      className={clsx(
        'h-11 px-4 py-1.5',
        wideOnly && 'hidden md:table-cell',
        end && 'text-right tabular-nums',
        mono && 'font-mono text-xs',
        dim && 'text-fg-2',
      )}
    >
      {children}
    </td>
  );
}

interface PaginationProps {
  /** Where one is: "1–50 of 1,204 users". */
  summary: ReactNode;
  /** Absent: there is none. */
  onPrevious?: () => void;
  onNext?: () => void;
}

/** Stands below a Table. */
export function Pagination({ summary, onPrevious, onNext }: PaginationProps) {
  return (
    <nav
      aria-label="Pages"
      className="flex items-center gap-2 border-t border-line bg-bg/60 px-4 py-2 text-xs text-fg-2"
    >
      <span aria-live="polite">{summary}</span>
      <span className="ml-auto flex gap-1.5">
        <Button size="sm" disabled={!onPrevious} onClick={onPrevious}>
          Previous
        </Button>
        <Button size="sm" disabled={!onNext} onClick={onNext}>
          Next
        </Button>
      </span>
    </nav>
  );
}
