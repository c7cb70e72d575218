import { timestampFromDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { CredentialService } from '../../gen/paddock/v1/credentials_pb';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/field';
import { Form } from '../../ui/form';
import { Notice } from '../../ui/notice';
import { PickButton } from '../../ui/pick-button';
import { Select } from '../../ui/select';
import { type Allowed, faultIn, listOf, wordsFor } from '../models/model-list';
import { ModelsDialog } from '../models/models-dialog';
import { consequence } from './key-models';
import type { Issued } from './secret-dialog';
import { useStayWhile } from './use-stay';

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
  const [models, setModels] = useState<Allowed>();
  const [choosing, setChoosing] = useState(false);
  const [today] = useState(() => isoDay(new Date()));
  const issue = useChange(CredentialService.method.issueApiKey, {
    meta: { inPlace: true },
    onSuccess: ({ credential, secret }) => {
      setRound(round + 1);
      setModels(undefined);
      onIssued({ label: credential?.label ?? '', secret, models: credential?.models?.names });
    },
  });
  useStayWhile(issue.isPending);
  const submit = (values: FormData) => {
    const text = (name: string) => String(values.get(name) ?? '');
    issue.mutate({
      userId,
      label: text('label'),
      expiresAt: endOf(expiry, text('expiresAt')),
      models: listOf(models),
    });
  };

  const fault = issue.error && faultIn(models, issue.error);
  return (
    <>
      <Form error={issue.error} onSubmit={submit}>
        {fault && <Notice tone="bad">{fault}</Notice>}
        <div className="grid grid-cols-2 items-start gap-3 sm:grid-cols-[minmax(0,1fr)_9.5rem]">
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
          {expiry === 'date' && (
            <div className="col-span-2">
              <Field name="expiresAt" label="Last day" hint="The key works until the end of this day.">
                <Input type="date" min={today} required />
              </Field>
            </div>
          )}
          <PickButton label="Models" value={wordsFor(models)} onClick={() => setChoosing(true)} />
          <div className="col-span-2 sm:col-span-1 sm:pt-[1.535rem]">
            <Button type="submit" wide busy={issue.isPending}>
              Issue
            </Button>
          </div>
        </div>
      </Form>
      {choosing && (
        <ModelsDialog
          title="Models of the new key"
          allowed={models}
          action="Use these"
          onSave={(allowed) => {
            setModels(allowed);
            setChoosing(false);
          }}
          onClose={() => setChoosing(false)}
        >
          {consequence}
        </ModelsDialog>
      )}
    </>
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
