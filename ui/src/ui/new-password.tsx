import { Dices } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button';
import { CopyButton } from './copy-button';
import { Field, PasswordInput } from './field';
import { randomPassword } from './random-password';
import { StrengthMeter } from './strength-meter';

interface NewPasswordProps {
  /** The field's name in the request. */
  name: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** What it must not be close to: the email, the name. */
  about?: string[];
  required?: boolean;
  /** Offers a random one to copy, for who sets it for somebody else. */
  suggest?: boolean;
  hint?: ReactNode;
  /** Another number makes the field a new one, which does not complain that it is empty. */
  round?: number;
  /** What is done with it: a button, on the right. */
  action?: ReactNode;
}

/** A password to be set, with what it is worth. */
export function NewPassword({
  name,
  label,
  value,
  onChange,
  about,
  required,
  suggest,
  hint,
  round,
  action,
}: NewPasswordProps) {
  return (
    <div className="flex flex-col gap-2">
      <Field key={round} name={name} label={label}>
        <PasswordInput
          value={value}
          onChange={(event) => onChange(event.target.value)}
          autoComplete="new-password"
          required={required}
        />
      </Field>
      <StrengthMeter password={value} about={about} />
      {hint && <p className="text-xs text-fg-3">{hint}</p>}
      <div className="flex flex-wrap items-center gap-1.5">
        {suggest && (
          <Button size="sm" onClick={() => onChange(randomPassword())}>
            <Dices aria-hidden />
            Suggest one
          </Button>
        )}
        {suggest && value && <CopyButton text={value} label="Copy password" />}
        {action && <span className="ml-auto">{action}</span>}
      </div>
    </div>
  );
}
