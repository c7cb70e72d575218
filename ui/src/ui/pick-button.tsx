import { ChevronsUpDown } from 'lucide-react';
import { useId } from 'react';

interface PickButtonProps {
  label: string;
  /** What is chosen. */
  value: string;
  onClick: () => void;
}

/** A field whose value is chosen in a dialog, which the button opens; looks as Select does. */
export function PickButton({ label, value, onClick }: PickButtonProps) {
  const id = useId();
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <span id={id} className="text-sm font-medium">
        {label}
      </span>
      <button
        id={`${id}-value`}
        type="button"
        aria-labelledby={`${id} ${id}-value`}
        aria-haspopup="dialog"
        onClick={onClick}
        className="inline-flex h-control w-full min-w-0 items-center justify-between gap-2 rounded-lg border border-line-strong bg-raised px-3 text-sm shadow-card select-none hover:bg-hover"
      >
        <span className="truncate">{value}</span>
        <ChevronsUpDown className="size-3.5 shrink-0 text-fg-3" aria-hidden />
      </button>
    </div>
  );
}
