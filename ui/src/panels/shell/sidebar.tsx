import { Link, useRouteContext } from '@tanstack/react-router';
import { Search } from 'lucide-react';
import { groupBy } from '../../group';
import { Kbd } from '../../ui/kbd';
import { Logo } from '../../ui/logo';
import { useCurrentPanel, usePanels, type PanelLink } from '../panel';
import { UserMenu } from './user-menu';

interface SidebarProps {
  onNavigate: () => void;
  onSearch: () => void;
  onShortcuts: () => void;
}

/** The panels that the user may use, by section. */
export function Sidebar({ onNavigate, onSearch, onShortcuts }: SidebarProps) {
  const { user } = useRouteContext({ from: '/shell' });
  const sections = groupBy(usePanels(user), (link) => link.panel.section);
  return (
    <div className="flex min-h-0 w-full flex-1 flex-col gap-3">
      <Link
        to="/"
        onClick={onNavigate}
        className="hidden h-8 items-center gap-2 self-start rounded-lg px-1 md:flex"
      >
        <Logo />
        <span className="text-lg font-semibold tracking-tight">Paddock</span>
      </Link>
      <button
        type="button"
        onClick={onSearch}
        className="flex h-control items-center gap-2 rounded-lg border border-line bg-panel px-2.5 text-sm text-fg-3 shadow-card hover:border-line-strong"
      >
        <Search className="size-4" aria-hidden />
        Jump to…
        <span className="ml-auto pointer-coarse:hidden">
          <Kbd keys="mod+k" />
        </span>
      </button>
      <nav aria-label="Panels" className="flex min-h-0 flex-1 flex-col gap-3 overflow-y-auto">
        {sections.map(([section, links]) => (
          <div key={section} className="flex flex-col gap-0.5">
            <h2 className="px-2 pt-1 pb-1 text-xs font-medium text-fg-3">{section}</h2>
            {links.map((link) => (
              <NavLink key={link.to} link={link} onClick={onNavigate} />
            ))}
          </div>
        ))}
      </nav>
      <UserMenu user={user} onShortcuts={onShortcuts} />
    </div>
  );
}

function NavLink({ link: { to, panel }, onClick }: { link: PanelLink; onClick: () => void }) {
  const isOpen = useCurrentPanel() === panel;
  return (
    <Link
      to={to}
      onClick={onClick}
      activeOptions={{ exact: !isOpen }} // another panel's address may begin with this one's
      className="flex h-control items-center gap-2.5 rounded-lg px-2 text-sm font-medium text-fg-2 hover:bg-hover hover:text-fg aria-[current=page]:bg-active aria-[current=page]:text-fg"
    >
      <panel.icon className="size-4 opacity-80" aria-hidden />
      {panel.title}
    </Link>
  );
}
