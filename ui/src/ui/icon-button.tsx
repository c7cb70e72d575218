import clsx from 'clsx';
import type { ReactElement, ReactNode } from 'react';
import { baseClasses, looks, type Native } from './button';
import { Tooltip } from './tooltip';

interface IconButtonProps extends Omit<Native<'button'>, 'aria-label' | 'children'> {
  /** What it does: for screen readers, and for the tooltip unless tip says something else. */
  label: string;
  icon: ReactElement;
  /** null: the icon needs no words. */
  tip?: ReactNode;
  look?: keyof typeof looks;
  size?: 'sm' | 'md';
  round?: boolean;
}

/** A button that is an icon. */
export function IconButton({
  label,
  icon,
  tip = label,
  look = 'ghost',
  size = 'md',
  round,
  ...native
}: IconButtonProps) {
  const button = (
    <button
      type="button"
      {...native}
      aria-label={label}
      className={clsx(
        baseClasses,
        looks[look],
        size === 'sm' ? 'size-control-sm' : 'size-control',
        round ? 'rounded-full' : 'rounded-lg',
      )}
    >
      {icon}
    </button>
  );
  return tip === null ? button : <Tooltip tip={tip}>{button}</Tooltip>;
}
