import { timestampFromDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { CredentialService } from '../../gen/paddock/v1/credentials_pb';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/field';
import { Form } from '../../ui/form';
import { Select } from '../../ui/select';
import type { Issued } from './secret-dialog';

const expiries = [
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
  { value: 'never', label: 'Never' },
  { value: 'date', label: 'On a date…' },
] as const;

type Expiry = (typeof expiries)[number]['value'];

interface IssueFormProps {
  userId: string;
  onIssued: (issued: Issued) => void;
}

export function IssueForm({ userId, onIssued }: IssueFormProps) {
  const [round, setRound] = useState(0);
  const [expiry, setExpiry] = useState<Expiry>('90');
  const [today] = useState(() => isoDay(new Date()));
  const issue = useChange(CredentialService.method.issueApiKey, {
    meta: { inPlace: true },
    onSuccess: ({ credential, secret }) => {
      setRound(round + 1);
      onIssued({ label: credential?.label ?? '', secret });
    },
  });
  const submit = (values: FormData) => {
    const text = (name: string) => String(values.get(name) ?? '');
    issue.mutate({ userId, label: text('label'), expiresAt: endOf(expiry, text('expiresAt')) });
  };

  return (
    <Form error={issue.error} onSubmit={submit}>
      <div className="grid grid-cols-2 items-start gap-3 sm:grid-cols-[minmax(0,1fr)_9.5rem_auto]">
        <div className="col-span-2 sm:col-span-1">
          <Field key={round} name="label" label="Label">
            <Input
              placeholder="What it is for: ci-token"
              required
              maxLength={100}
              autoComplete="off"
              spellCheck={false}
            />
          </Field>
        </div>
        <Field name="expiry" label="Expires">
          <Select items={[...expiries]} value={expiry} onChange={setExpiry} wide />
        </Field>
        <div className="pt-[1.535rem]">
          <Button type="submit" wide busy={issue.isPending}>
            Issue
          </Button>
        </div>
        {expiry === 'date' && (
          <div className="col-span-2 sm:col-span-3">
            <Field name="expiresAt" label="Last day" hint="The key works until the end of this day.">
              <Input type="date" min={today} required />
            </Field>
          </div>
        )}
      </div>
    </Form>
  );
}

/** When a key issued now ends; undefined for never. */
function endOf(expiry: Expiry, day: string): Timestamp | undefined {
  if (expiry === 'never') return undefined;
  if (expiry === 'date') return timestampFromDate(new Date(`${day}T23:59:59`));
  return timestampFromDate(new Date(Date.now() + Number(expiry) * 86_400_000));
}

/** The local day, as a date input has it. */
function isoDay(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}
