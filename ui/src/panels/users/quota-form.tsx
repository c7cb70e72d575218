import { useChange } from '../../api/change';
import { type Quota, UsageService } from '../../gen/paddock/v1/usage_pb';
import type { User } from '../../gen/paddock/v1/users_pb';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/field';
import { Form } from '../../ui/form';
import { toast } from '../../ui/toast';

/** Sets how much a user may use. What is left empty is left to the default. */
export function QuotaForm({ user, quota }: { user: User; quota: Quota }) {
  const { tokensPerDay, tokensPerMonth, requestsPerMinute, day, month } = quota;
  const set = useChange(UsageService.method.setQuota, {
    meta: { inPlace: true },
    onSuccess: () => toast.done(`Quota of ${user.email} saved`),
  });
  const submit = (values: FormData) => {
    const number = (name: string) => {
      const text = String(values.get(name) ?? '').trim();
      return text === '' ? undefined : Number(text);
    };
    const bigint = (name: string) => {
      const value = number(name);
      return value === undefined ? undefined : BigInt(value);
    };
    set.mutate({
      userId: user.id,
      tokensPerDay: bigint('tokensPerDay'),
      tokensPerMonth: bigint('tokensPerMonth'),
      requestsPerMinute: number('requestsPerMinute'),
    });
  };
  const fields = [
    {
      name: 'tokensPerDay',
      label: 'Tokens a day',
      value: tokensPerDay,
      usual: tokensPerDay === undefined ? (day?.limit ?? 'no limit') : undefined,
      max: Number.MAX_SAFE_INTEGER,
    },
    {
      name: 'tokensPerMonth',
      label: 'Tokens a month',
      value: tokensPerMonth,
      usual: tokensPerMonth === undefined ? (month?.limit ?? 'no limit') : undefined,
      max: Number.MAX_SAFE_INTEGER,
    },
    {
      name: 'requestsPerMinute',
      label: 'Requests a minute',
      value: requestsPerMinute,
      usual: requestsPerMinute === undefined ? quota.effectiveRequestsPerMinute || 'no limit' : undefined,
      max: 2 ** 31 - 1,
    },
  ];
  return (
    <Form error={set.error} onSubmit={submit}>
      <div className="grid grid-cols-2 items-start gap-3 sm:grid-cols-3">
        {fields.map(({ name, label, value, usual, max }) => (
          <Field key={`${name} ${value}`} name={name} label={label}>
            <Input
              type="number"
              inputMode="numeric"
              min={0}
              max={max}
              step={1}
              defaultValue={value?.toString()}
              placeholder={usual === undefined ? 'default' : usual.toLocaleString()}
            />
          </Field>
        ))}
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <p className="min-w-40 flex-1 text-xs text-fg-3">
          Empty is the default. 0 tokens is none at all; 0 requests is no limit. Running answers go on.
        </p>
        <Button type="submit" busy={set.isPending}>
          Save quota
        </Button>
      </div>
    </Form>
  );
}
