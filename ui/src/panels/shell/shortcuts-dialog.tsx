import { useRouteContext } from '@tanstack/react-router';
import { Dialog } from '../../ui/dialog';
import { Kbd } from '../../ui/kbd';
import { useSingleKeys } from '../../ui/shortcuts';
import { Switch } from '../../ui/switch';
import { usePanels } from '../panel';

const everywhere = [
  { keys: 'mod+k', does: 'Search or jump to' },
  { keys: '?', does: 'This list' },
];

/** All keys that do something, for this user. */
export function ShortcutsDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { user } = useRouteContext({ from: '/shell' });
  const [singleKeys, setSingleKeys] = useSingleKeys();
  const panels = usePanels(user).map((link) => link.panel);
  return (
    <Dialog title="Keyboard shortcuts" open={open} onClose={onClose}>
      <Switch
        label="Shortcuts of single keys"
        hint="Off, only those with ⌘ or Ctrl do something. Kept in this browser."
        checked={singleKeys}
        onChange={setSingleKeys}
      />
      <Keys title="Everywhere" keys={everywhere} />
      <Keys title="Go to" keys={panels.map((panel) => ({ keys: `g ${panel.key}`, does: panel.title }))} />
      {panels.map(
        (panel) => panel.shortcuts && <Keys key={panel.title} title={panel.title} keys={panel.shortcuts} />,
      )}
    </Dialog>
  );
}

function Keys({ title, keys }: { title: string; keys: { keys: string; does: string }[] }) {
  return (
    <section>
      <h3 className="mb-1 text-xs font-medium text-fg-3">{title}</h3>
      <dl className="divide-y divide-line">
        {keys.map((key) => (
          <div key={key.keys} className="flex items-center justify-between gap-4 py-2">
            <dt>{key.does}</dt>
            <dd>
              <Kbd keys={key.keys} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
