import type { UseQueryResult } from '@tanstack/react-query';
import type { ListRolesResponse } from '../../gen/paddock/v1/users_pb';
import { Checkbox } from '../../ui/checkbox';
import { ErrorNotice } from '../../ui/notice';
import { Skeleton } from '../../ui/skeleton';

interface RoleChoiceProps {
  roles: Pick<UseQueryResult<ListRolesResponse>, 'data' | 'error' | 'refetch'>;
  given: string[];
  onChange: (role: string, given: boolean) => void;
}

export function RoleChoice({ roles, given, onChange }: RoleChoiceProps) {
  const { data, error, refetch } = roles;
  return (
    <fieldset className="flex flex-col gap-2.5">
      <legend className="mb-2 text-sm font-medium">Roles</legend>
      {data?.roles.map(({ name, description }) => (
        <div key={name} className="flex flex-wrap items-center gap-x-2">
          <Checkbox
            label={name}
            checked={given.includes(name)}
            onChange={(checked) => onChange(name, checked)}
          />
          <span className="text-xs text-fg-3 max-sm:ml-6">{description}</span>
        </div>
      ))}
      {!data &&
        (error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : <Skeleton lines={2} />)}
      <p className="text-xs text-fg-3">Without a role they can sign in, and nothing else.</p>
    </fieldset>
  );
}
