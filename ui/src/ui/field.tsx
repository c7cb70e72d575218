import { Field as Base } from '@base-ui/react/field';
import clsx from 'clsx';
import { Eye, EyeOff } from 'lucide-react';
import { useState, type ComponentProps, type ReactElement, type ReactNode } from 'react';

interface FieldProps {
  label: ReactNode;
  /** The field's name in the request; the server's violations find their place by it. */
  name: string;
  hint?: ReactNode;
  /** One control of this folder: Input, PasswordInput, TextArea, Select. */
  children: ReactElement;
}

/** A control with its label, a hint, and what is wrong with it. */
export function Field({ label, name, hint, children }: FieldProps) {
  return (
    <Base.Root name={name} className="group/field flex min-w-0 flex-col gap-1.5">
      <Base.Label className="text-sm font-medium">{label}</Base.Label>
      {children}
      <Base.Error className="text-sm text-bad-text" />
      {hint && <Base.Description className="text-xs text-fg-3">{hint}</Base.Description>}
    </Base.Root>
  );
}

const box =
  'w-full rounded-lg border border-line-strong bg-raised text-sm text-fg shadow-card outline-none transition-[border-color,box-shadow] ' +
  'focus:border-accent focus:ring-3 focus:ring-accent/20 data-invalid:border-bad data-invalid:focus:ring-bad/20 disabled:opacity-60';

export interface InputProps extends Omit<ComponentProps<'input'>, 'className' | 'style' | 'size'> {
  /** Stands before the text. */
  icon?: ReactElement;
  /** For what is read letter by letter. */
  mono?: boolean;
}

export function Input({ icon, mono, ...input }: InputProps) {
  return (
    <span className="relative flex w-full">
      {icon && (
        <span className="pointer-events-none absolute inset-y-0 left-2.5 grid place-items-center text-fg-3 [&_svg]:size-4">
          {icon}
        </span>
      )}
      <Base.Control
        {...input}
        className={clsx(box, 'h-control px-2.5', icon && 'pl-8.5', mono && 'font-mono')}
      />
    </span>
  );
}

export function PasswordInput(input: Omit<InputProps, 'icon' | 'type' | 'mono'>) {
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <span className="relative flex w-full">
      <Base.Control
        {...input}
        type={shown ? 'text' : 'password'}
        className={clsx(box, 'h-control pr-10 pl-2.5')}
      />
      <button
        type="button"
        aria-label={shown ? 'Hide password' : 'Show password'}
        aria-pressed={shown}
        onClick={() => setShown(!shown)}
        className="absolute inset-y-0 right-0 grid w-9 place-items-center rounded-lg text-fg-3 hover:text-fg"
      >
        <Icon className="size-4" />
      </button>
    </span>
  );
}

export function TextArea({ rows = 3, ...area }: Omit<ComponentProps<'textarea'>, 'className' | 'style'>) {
  return (
    <Base.Control
      render={<textarea rows={rows} {...area} />}
      className={clsx(box, 'resize-y px-2.5 py-2 leading-relaxed')}
    />
  );
}
