import { Braces, Download, Sheet, X } from 'lucide-react';
import { Button } from '../../ui/button';
import { Menu, MenuItem } from '../../ui/menu';
import { asCsv, asJsonLines } from './export';
import type { AuditSearch } from './search';
import { useExport } from './use-export';

interface ExportMenuProps {
  search: AuditSearch;
  /** Where the window begins; absent: with the oldest entry. */
  from: Date | undefined;
  disabled: boolean;
}

/** Saves all entries of the window, whichever page of them is shown. */
export function ExportMenu({ search, from, disabled }: ExportMenuProps) {
  const { start, running, read, stop } = useExport(search, { from });
  if (running) {
    return (
      <Button onClick={stop} aria-label="Stop the export">
        <X aria-hidden />
        <span className="tabular-nums">{read.toLocaleString()} read</span>
      </Button>
    );
  }
  const trigger = (
    <Button disabled={disabled}>
      <Download aria-hidden />
      Export all
    </Button>
  );
  return (
    <Menu trigger={trigger}>
      <MenuItem icon={<Sheet />} onSelect={() => start(asCsv)}>
        CSV, for a spreadsheet
      </MenuItem>
      <MenuItem icon={<Braces />} onSelect={() => start(asJsonLines)}>
        JSON lines, as the API gives them
      </MenuItem>
    </Menu>
  );
}
