import { SlidersHorizontal } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/field';
import { Form } from '../../ui/form';
import { Select, type SelectItem } from '../../ui/select';
import { SuggestInput } from '../../ui/suggest-input';
import { eventTypes } from './events';
import { MAX_LIMIT } from './search';
import type { Draft } from './use-filters';
import { UserField } from './user-field';

const outcomeItems: SelectItem<NonNullable<Draft['outcome']>>[] = [
  { value: '', label: 'Any' },
  { value: 'success', label: 'Success' },
  { value: 'failure', label: 'Failure' },
  { value: 'denied', label: 'Denied' },
];

const windowItems: SelectItem<NonNullable<Draft['window']>>[] = [
  { value: '', label: 'Any time' },
  { value: 'hour', label: 'Last hour' },
  { value: 'day', label: 'Last 24 hours' },
  { value: 'week', label: 'Last 7 days' },
  { value: 'month', label: 'Last 28 days' },
  { value: 'custom', label: 'Between…' },
];

interface FiltersProps {
  /** What is loaded. */
  filters: Draft;
  /** How many of them limit what is shown. */
  count: number;
  onLoad: (draft: Draft, then: { onSuccess: () => void }) => void;
  busy: boolean;
  error: unknown;
}

/** What to load. Choices load at once, what is typed with Enter or Load. */
export function Filters({ filters, count, onLoad, busy, error }: FiltersProps) {
  const [edits, setEdits] = useState<Partial<Draft>>({});
  const [open, setOpen] = useState(false); // on a phone, where they take much of the screen
  const draft = { ...filters, ...edits };
  const edit = (more: Partial<Draft>) => setEdits({ ...edits, ...more });
  const load = (more: Partial<Draft> = {}) => {
    edit(more);
    onLoad({ ...draft, ...more }, { onSuccess: () => setEdits({}) });
  };
  return (
    <search className="flex flex-col gap-3">
      <div className="contents md:hidden">
        <Button aria-expanded={open} onClick={() => setOpen(!open)}>
          <SlidersHorizontal aria-hidden />
          {count > 0 ? `Filters (${count})` : 'Filters'}
        </Button>
      </div>
      <div className={open ? undefined : 'hidden md:block'}>
        <Form error={error} onSubmit={() => load()}>
          <div className="grid grid-cols-2 items-start gap-3 md:flex md:flex-wrap">
            <div className="md:w-44">
              <Field name="eventType" label="Event type">
                <SuggestInput
                  mono
                  suggestions={eventTypes.map((value) => ({ value }))}
                  value={draft.event}
                  onChange={(event) => edit({ event: event.target.value })}
                  placeholder="Part of it"
                  maxLength={64}
                />
              </Field>
            </div>
            <div className="md:w-60">
              <UserField value={draft.user} onChange={(user) => edit({ user })} />
            </div>
            <Field name="outcome" label="Outcome">
              <Select
                wide
                items={outcomeItems}
                value={draft.outcome ?? ''}
                onChange={(outcome) => load({ outcome })}
              />
            </Field>
            <Field name="window" label="Time">
              <Select
                wide
                items={windowItems}
                value={draft.window ?? ''}
                onChange={(window) =>
                  window === 'custom' ? edit({ window }) : load({ window, from: '', to: '' })
                }
              />
            </Field>
            {draft.window === 'custom' && (
              <>
                <Field name="occurredAfter" label="From">
                  <Input
                    type="datetime-local"
                    value={draft.from}
                    onChange={(event) => edit({ from: event.target.value })}
                  />
                </Field>
                <Field name="occurredBefore" label="Before">
                  <Input
                    type="datetime-local"
                    value={draft.to}
                    onChange={(event) => edit({ to: event.target.value })}
                  />
                </Field>
              </>
            )}
            <div className="md:w-28">
              <Field name="pageSize" label="Limit">
                <Input
                  type="number"
                  inputMode="numeric"
                  required
                  min={1}
                  max={MAX_LIMIT}
                  value={draft.limit}
                  onChange={(event) => edit({ limit: event.target.value })}
                />
              </Field>
            </div>
            <div className="self-end md:self-auto md:pt-6">
              <Button type="submit" look="primary" wide busy={busy}>
                Load
              </Button>
            </div>
          </div>
        </Form>
      </div>
    </search>
  );
}
