import { Braces, Download, Sheet } from 'lucide-react';
import type { AuditEntry } from '../../gen/paddock/v1/audit_pb';
import { Button } from '../../ui/button';
import { download } from '../../ui/download';
import { Menu, MenuItem } from '../../ui/menu';
import { toCsv, toJsonText } from './export';

/** Saves the entries that are shown. */
export function ExportMenu({ entries }: { entries: AuditEntry[] }) {
  const trigger = (
    <Button disabled={entries.length === 0}>
      <Download aria-hidden />
      Export
    </Button>
  );
  return (
    <Menu trigger={trigger}>
      <MenuItem
        icon={<Sheet />}
        onSelect={() => download(fileName('csv'), 'text/csv;charset=utf-8', toCsv(entries))}
      >
        CSV, for a spreadsheet
      </MenuItem>
      <MenuItem
        icon={<Braces />}
        onSelect={() => download(fileName('json'), 'application/json', toJsonText(entries))}
      >
        JSON, as the API gives it
      </MenuItem>
    </Menu>
  );
}

function fileName(ending: string): string {
  return `audit-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${ending}`;
}
