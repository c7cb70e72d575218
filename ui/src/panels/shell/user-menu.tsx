import { useMutation, useQuery } from '@tanstack/react-query';
import { useRouteContext } from '@tanstack/react-router';
import { BookOpen, ChevronsUpDown, Keyboard, LogOut, Monitor, Moon, Sun } from 'lucide-react';
import { apiBase } from '../../api/transport';
import type { User } from '../../gen/paddock/v1/users_pb';
import { Avatar } from '../../ui/avatar';
import { Kbd } from '../../ui/kbd';
import { Menu, MenuChoice, MenuItem, MenuNote, MenuSeparator } from '../../ui/menu';
import { useTheme, type Theme } from '../../ui/theme';
import { toast } from '../../ui/toast';

const themes: { value: Theme; label: string; icon: React.ReactElement }[] = [
  { value: 'system', label: 'As the system', icon: <Monitor /> },
  { value: 'light', label: 'Light', icon: <Sun /> },
  { value: 'dark', label: 'Dark', icon: <Moon /> },
];

/** Who is signed in, and what is theirs to set. */
export function UserMenu({ user, onShortcuts }: { user: User; onShortcuts: () => void }) {
  const [theme, setTheme] = useTheme();
  const signOut = useSignOut();
  const name = user.displayName || user.email;
  const trigger = (
    <button
      type="button"
      aria-label={`${name}: menu`}
      className="flex items-center gap-2.5 rounded-lg p-1.5 text-left hover:bg-hover data-popup-open:bg-hover"
    >
      <Avatar name={name} />
      <span className="min-w-0 flex-1 leading-tight">
        <span className="block truncate text-sm font-medium">{name}</span>
        <span className="block truncate text-xs text-fg-3">
          {user.displayName ? user.email : user.roles.join(', ') || 'no role'}
        </span>
      </span>
      <ChevronsUpDown className="size-4 shrink-0 text-fg-3" aria-hidden />
    </button>
  );
  return (
    <Menu side="top" align="start" trigger={trigger}>
      <MenuChoice label="Theme" items={themes} value={theme} onChange={setTheme} />
      <MenuSeparator />
      <MenuItem icon={<Keyboard />} onSelect={onShortcuts} aside={<Kbd keys="?" />}>
        Keyboard shortcuts
      </MenuItem>
      <MenuItem icon={<BookOpen />} link={<a href={`${apiBase}/docs`} target="_blank" rel="noopener" />}>
        API documentation
      </MenuItem>
      <MenuSeparator />
      <MenuItem icon={<LogOut />} onSelect={signOut}>
        Sign out
      </MenuItem>
      <Version />
    </Menu>
  );
}

/** Which version the server is. */
function Version() {
  const { data } = useQuery({
    queryKey: ['version'],
    queryFn: fetchVersion,
    staleTime: 60_000,
    retry: false,
  });
  return data && <MenuNote>Paddock {data}</MenuNote>;
}

async function fetchVersion({ signal }: { signal: AbortSignal }): Promise<string> {
  const response = await fetch(`${apiBase}/healthz`, { signal });
  const { version } = (await response.json()) as { version?: string };
  return version ?? '';
}

/** Signs out in all tabs; when the server cannot be told, a toast says so. */
export function useSignOut(): () => void {
  const { session } = useRouteContext({ from: '/shell' });
  const { mutate } = useMutation({
    mutationFn: () => session.signOut(),
    meta: { inPlace: true },
    onError: () =>
      toast.failed(
        'You are signed out in this browser, but Paddock could not be told: the session may go on there. ' +
          'Sign in again to end it under Account.',
      ),
  });
  return () => mutate();
}
