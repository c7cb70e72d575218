import { createLink } from '@tanstack/react-router';
import clsx from 'clsx';
import type { ComponentProps } from 'react';

export const baseClasses =
  'inline-flex shrink-0 items-center justify-center gap-1.5 font-medium whitespace-nowrap select-none ' +
  'transition-colors duration-100 disabled:pointer-events-none disabled:opacity-50 aria-disabled:opacity-50 ' +
  '[&_svg]:size-4 [&_svg]:shrink-0';

export const looks = {
  primary: 'bg-accent text-accent-fg shadow-card hover:bg-accent-hover',
  outline: 'border border-line-strong bg-raised text-fg shadow-card hover:bg-hover',
  ghost: 'text-fg-2 hover:bg-hover hover:text-fg aria-pressed:bg-active aria-pressed:text-fg',
  danger: 'border border-line-strong bg-raised text-bad-text shadow-card hover:bg-bad-soft',
  destroy: 'bg-bad text-accent-fg shadow-card hover:opacity-90',
};

const sizes = {
  sm: 'h-control-sm px-2.5 text-xs',
  md: 'h-control px-3 text-sm',
};

interface Look {
  /** primary: the one thing to do here. danger: leads to destroy, which does it. */
  look?: keyof typeof looks;
  size?: keyof typeof sizes;
  /** As wide as its place. */
  wide?: boolean;
}

/** A native element's props, but for its looks. */
export type Native<Tag extends 'a' | 'button'> = Omit<ComponentProps<Tag>, 'className' | 'style'>;

function classes({ look = 'outline', size = 'md', wide }: Look): string {
  return clsx(baseClasses, 'rounded-lg', looks[look], sizes[size], wide && 'w-full');
}

export function Button({ look, size, wide, busy, ...button }: Native<'button'> & Look & { busy?: boolean }) {
  return (
    <button
      type="button"
      aria-busy={busy}
      {...button}
      disabled={busy || button.disabled}
      className={classes({ look, size, wide })}
    />
  );
}

/** A link that looks like a button; takes the router's to, params and search. */
export const ButtonLink = createLink(function Anchor({ look, size, wide, ...anchor }: Native<'a'> & Look) {
  return <a {...anchor} className={classes({ look, size, wide })} />;
});
