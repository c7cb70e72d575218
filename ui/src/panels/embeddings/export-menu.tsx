import { Braces, Copy, Download, Sheet } from 'lucide-react';
import { Button } from '../../ui/button';
import { copy } from '../../ui/copy-button';
import { download } from '../../ui/download';
import { Menu, MenuItem, MenuSeparator } from '../../ui/menu';
import { toast } from '../../ui/toast';
import { toCsv, toJson } from './export';
import type { Embedded } from './workbench';

/** Takes the vectors elsewhere. */
export function ExportMenu({ model, embedded }: { model: string; embedded: readonly Embedded[] }) {
  const trigger = (
    <Button size="sm">
      <Download aria-hidden />
      Export
    </Button>
  );
  const json = () => toJson(model, embedded);
  const csv = () => toCsv(embedded);
  return (
    <Menu trigger={trigger}>
      <MenuItem icon={<Copy />} onSelect={() => void put(json(), 'JSON')}>
        Copy as JSON
      </MenuItem>
      <MenuItem icon={<Copy />} onSelect={() => void put(csv(), 'CSV')}>
        Copy as CSV
      </MenuItem>
      <MenuSeparator />
      <MenuItem icon={<Braces />} onSelect={() => download('embeddings.json', 'application/json', json())}>
        Download JSON
      </MenuItem>
      <MenuItem icon={<Sheet />} onSelect={() => download('embeddings.csv', 'text/csv;charset=utf-8', csv())}>
        Download CSV
      </MenuItem>
    </Menu>
  );
}

async function put(text: string, format: string): Promise<void> {
  if (await copy(text)) toast.done(`Copied as ${format}`);
  else toast.failed('This browser did not copy it: download it instead.');
}
