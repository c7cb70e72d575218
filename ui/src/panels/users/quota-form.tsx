import { useChange } from '../../api/change';
import { type Quota, UsageService } from '../../gen/paddock/v1/usage_pb';
import type { User } from '../../gen/paddock/v1/users_pb';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/field';
import { Form } from '../../ui/form';
import { toast } from '../../ui/toast';

/** For an int64, which a number input cannot hold. */
const digits = { pattern: '[0-9]{1,19}', title: 'Digits only' };

/** Sets how much a user may use. What is left empty is left to the default. */
export function QuotaForm({ user, quota }: { user: User; quota: Quota }) {
  const { tokensPerDay, tokensPerMonth, requestsPerMinute, day, month } = quota;
  const set = useChange(UsageService.method.setQuota, {
    meta: { inPlace: true },
    onSuccess: () => toast.done(`Quota of ${user.email} saved`),
  });
  const submit = (values: FormData) => {
    const given = (name: string) => String(values.get(name) ?? '').trim() || undefined;
    const tokens = (name: string) => {
      const text = given(name);
      return text === undefined ? undefined : BigInt(text); // a Number is exact up to 2^53 only
    };
    const requests = given('requestsPerMinute');
    set.mutate({
      userId: user.id,
      tokensPerDay: tokens('tokensPerDay'),
      tokensPerMonth: tokens('tokensPerMonth'),
      requestsPerMinute: requests === undefined ? undefined : Number(requests),
    });
  };
  const fields = [
    {
      name: 'tokensPerDay',
      label: 'Tokens a day',
      value: tokensPerDay,
      usual: tokensPerDay === undefined ? (day?.limit ?? 'no limit') : undefined,
      kind: digits,
    },
    {
      name: 'tokensPerMonth',
      label: 'Tokens a month',
      value: tokensPerMonth,
      usual: tokensPerMonth === undefined ? (month?.limit ?? 'no limit') : undefined,
      kind: digits,
    },
    {
      name: 'requestsPerMinute',
      label: 'Requests a minute',
      value: requestsPerMinute,
      usual: requestsPerMinute === undefined ? quota.effectiveRequestsPerMinute || 'no limit' : undefined,
      kind: { type: 'number', min: 0, max: 2 ** 31 - 1, step: 1 },
    },
  ];
  return (
    <Form error={set.error} onSubmit={submit}>
      <div className="grid grid-cols-2 items-start gap-3 sm:grid-cols-3">
        {fields.map(({ name, label, value, usual, kind }) => (
          <Field key={`${name} ${value}`} name={name} label={label}>
            <Input
              {...kind}
              inputMode="numeric"
              autoComplete="off"
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
