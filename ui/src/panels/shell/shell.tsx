import { Tooltip } from '@base-ui/react/tooltip';
import { Outlet, useNavigate, useRouteContext } from '@tanstack/react-router';
import { PanelLeft, Search } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { IconButton } from '../../ui/icon-button';
import { Logo } from '../../ui/logo';
import { Sheet } from '../../ui/sheet';
import { useShortcuts } from '../../ui/shortcuts';
import { mayUse, useCurrentPanel, usePanels } from '../panel';
import { InMain } from '../plain';
import { NotAuthorised } from './not-authorised';
import { ShortcutsDialog } from './shortcuts-dialog';
import { Sidebar } from './sidebar';

const CommandMenu = lazy(() => import('./command-menu'));

/** What stands around every panel for who is signed in. */
export function Shell() {
  const { user } = useRouteContext({ from: '/shell' });
  const panel = useCurrentPanel();
  const isOpen = !panel || mayUse(user, panel);
  const Instead = panel?.otherwise;
  const panels = usePanels(user);
  const navigate = useNavigate();
  const [open, setOpen] = useState<'sidebar' | 'commands' | 'shortcuts'>();
  const close = () => setOpen(undefined);

  useShortcuts({
    'mod+k': () => setOpen('commands'),
    '?': () => setOpen('shortcuts'),
    ...Object.fromEntries(
      panels.map((link) => [`g ${link.panel.key}`, () => void navigate({ to: link.to })]),
    ),
  });

  const sidebar = (
    <Sidebar
      onNavigate={close}
      onSearch={() => setOpen('commands')}
      onShortcuts={() => setOpen('shortcuts')}
    />
  );
  return (
    <Tooltip.Provider delay={400}>
      {panel && isOpen && <title>{`${panel.title} · Paddock`}</title>}
      <a
        href="#main"
        className="sr-only rounded-lg bg-panel px-3 py-2 focus:not-sr-only focus:absolute focus:z-50 focus:m-2"
      >
        Skip to content
      </a>
      <div className="flex h-dvh flex-col md:flex-row">
        <aside aria-label="Menu" className="hidden w-60 shrink-0 border-r border-line p-3 md:flex">
          {sidebar}
        </aside>
        <header className="flex h-14 shrink-0 items-center gap-2 border-b border-line px-2 md:hidden">
          <IconButton label="Open menu" icon={<PanelLeft />} onClick={() => setOpen('sidebar')} />
          <Logo />
          <span className="mr-auto font-semibold tracking-tight">Paddock</span>
          <IconButton label="Search or jump to" icon={<Search />} onClick={() => setOpen('commands')} />
        </header>
        <main id="main" tabIndex={-1} className="min-h-0 min-w-0 flex-1 overflow-y-auto outline-none">
          <InMain value>
            {isOpen ? (
              <Outlet />
            ) : (
              <Suspense>{Instead ? <Instead /> : <NotAuthorised panel={panel} />}</Suspense>
            )}
          </InMain>
        </main>
      </div>
      <Sheet side="left" title="Paddock" open={open === 'sidebar'} onClose={close}>
        {sidebar}
      </Sheet>
      <ShortcutsDialog open={open === 'shortcuts'} onClose={close} />
      <Suspense>
        {open === 'commands' && <CommandMenu onClose={close} onShortcuts={() => setOpen('shortcuts')} />}
      </Suspense>
    </Tooltip.Provider>
  );
}
