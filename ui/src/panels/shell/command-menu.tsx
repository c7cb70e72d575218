import { Autocomplete } from '@base-ui/react/autocomplete';
import { Dialog } from '@base-ui/react/dialog';
import { useNavigate, useRouteContext } from '@tanstack/react-router';
import { Keyboard, LogOut, Monitor, Moon, Search, Sun, type LucideIcon } from 'lucide-react';
import { backdropClasses } from '../../ui/dialog';
import { Kbd } from '../../ui/kbd';
import { useTheme } from '../../ui/theme';
import { usePanels } from '../panel';
import { useSignOut } from './user-menu';

interface Command {
  label: string;
  icon: LucideIcon;
  keys?: string;
  run: () => void;
}

interface Group {
  value: string;
  items: Command[];
}

interface CommandMenuProps {
  onClose: () => void;
  onShortcuts: () => void;
}

/** Everything that can be gone to and done from anywhere, by its name. Loaded when it is first opened. */
export default function CommandMenu({ onClose, onShortcuts }: CommandMenuProps) {
  const groups = useCommands(onShortcuts);
  const run = (command: Command) => {
    onClose();
    command.run();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className={backdropClasses} />
        <Dialog.Popup
          aria-label="Command menu"
          className="fixed top-[12vh] left-1/2 z-50 w-[min(35rem,calc(100vw-1.5rem))] -translate-x-1/2 overflow-hidden rounded-2xl border border-line bg-raised shadow-pop outline-none"
        >
          <Autocomplete.Root
            open
            inline
            items={groups}
            autoHighlight="always"
            keepHighlight
            itemToStringValue={(command: Command) => command.label}
          >
            <div className="flex items-center gap-2.5 border-b border-line px-4">
              <Search className="size-4 shrink-0 text-fg-3" aria-hidden />
              <Autocomplete.Input
                aria-label="Search or jump to"
                placeholder="Search or jump to…"
                className="h-12 min-w-0 flex-1 bg-transparent text-lg outline-none"
              />
              <Kbd keys="escape" />
            </div>
            <Autocomplete.Empty className="px-4 text-fg-3 not-empty:py-6">
              Nothing of that name.
            </Autocomplete.Empty>
            <Autocomplete.List className="max-h-[min(24rem,60dvh)] overflow-y-auto p-1.5 empty:p-0">
              {(group: Group) => (
                <Autocomplete.Group key={group.value} items={group.items}>
                  <Autocomplete.GroupLabel className="px-2.5 pt-2 pb-1 text-xs font-medium text-fg-3">
                    {group.value}
                  </Autocomplete.GroupLabel>
                  <Autocomplete.Collection>
                    {(command: Command) => (
                      <Autocomplete.Item
                        key={command.label}
                        value={command}
                        onClick={() => run(command)}
                        className="flex h-10 cursor-default items-center gap-3 rounded-lg px-2.5 data-highlighted:bg-active pointer-coarse:h-11"
                      >
                        <command.icon className="size-4 text-fg-2" aria-hidden />
                        <span className="flex-1">{command.label}</span>
                        {command.keys && <Kbd keys={command.keys} />}
                      </Autocomplete.Item>
                    )}
                  </Autocomplete.Collection>
                </Autocomplete.Group>
              )}
            </Autocomplete.List>
          </Autocomplete.Root>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function useCommands(onShortcuts: () => void): Group[] {
  const { user } = useRouteContext({ from: '/shell' });
  const panels = usePanels(user);
  const navigate = useNavigate();
  const [, setTheme] = useTheme();
  const signOut = useSignOut();
  const groups: Group[] = [
    {
      value: 'Go to',
      items: panels.map(({ to, panel }) => ({
        label: panel.title,
        icon: panel.icon,
        keys: `g ${panel.key}`,
        run: () => void navigate({ to }),
      })),
    },
    {
      value: 'Do',
      items: [
        { label: 'Theme: light', icon: Sun, run: () => setTheme('light') },
        { label: 'Theme: dark', icon: Moon, run: () => setTheme('dark') },
        { label: 'Theme: as the system', icon: Monitor, run: () => setTheme('system') },
        { label: 'Keyboard shortcuts', icon: Keyboard, keys: '?', run: onShortcuts },
        { label: 'Sign out', icon: LogOut, run: signOut },
      ],
    },
  ];
  return groups.filter((group) => group.items.length > 0);
}
