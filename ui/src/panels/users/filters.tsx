import clsx from 'clsx';
import { CircleDot, RefreshCw, ShieldCheck } from 'lucide-react';
import type { Ref } from 'react';
import { Button } from '../../ui/button';
import { SearchInput } from '../../ui/search-input';
import { Select } from '../../ui/select';
import type { UsersSearch } from './search';

const roles = [
  { value: 'any', label: 'Any role' },
  { value: 'admin', label: 'admin' },
  { value: 'user', label: 'user' },
] as const;

const statuses = [
  { value: 'any', label: 'Any status' },
  { value: 'active', label: 'Active' },
  { value: 'inactive', label: 'Inactive' },
] as const;

interface FiltersProps {
  search: UsersSearch;
  onFilter: (changed: Partial<UsersSearch>) => void;
  onRefresh: () => void;
  refreshing: boolean;
  /** The search box. */
  ref: Ref<HTMLInputElement>;
}

export function Filters({ search, onFilter, onRefresh, refreshing, ref }: FiltersProps) {
  return (
    <div role="search" className="flex flex-wrap items-center gap-2">
      <div className="min-w-0 basis-full sm:max-w-80 sm:flex-1 sm:basis-56">
        <SearchInput
          ref={ref}
          label="Search users"
          placeholder="Email, name or external id"
          value={search.q ?? ''}
          onSearch={(q) => onFilter({ q: q || undefined })}
        />
      </div>
      <Select<(typeof roles)[number]['value']>
        label="Role"
        icon={<ShieldCheck />}
        items={[...roles]}
        value={search.role ?? 'any'}
        onChange={(role) => onFilter({ role: role === 'any' ? undefined : role })}
      />
      <Select<(typeof statuses)[number]['value']>
        label="Status"
        icon={<CircleDot />}
        items={[...statuses]}
        value={search.status ?? 'any'}
        onChange={(status) => onFilter({ status: status === 'any' ? undefined : status })}
      />
      <div className="ml-auto">
        <Button onClick={onRefresh} aria-label="Refresh">
          <RefreshCw className={clsx(refreshing && 'animate-spin')} aria-hidden />
          <span className="max-sm:hidden">Refresh</span>
        </Button>
      </div>
    </div>
  );
}
