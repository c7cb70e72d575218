import { createClient } from '@connectrpc/connect';
import { useTransport } from '@connectrpc/connect-query';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { AuditService } from '../../gen/paddock/v1/audit_pb';
import { download } from '../../ui/download';
import { toast } from '../../ui/toast';
import { countOf } from './entry';
import type { Format } from './export';
import { type AuditSearch, filtersOf } from './search';
import type { Shown } from './use-counts';

/** Saves all entries of the window as they come from the server. What breaks off, or is stopped, is not saved. */
export function useExport(search: AuditSearch, { from }: Pick<Shown, 'from'>) {
  const audit = createClient(AuditService, useTransport());
  const [read, setRead] = useState(0);
  const run = useRef<AbortController>(undefined);
  useEffect(() => () => run.current?.abort(), []);

  const { mutate, isPending } = useMutation({
    mutationFn: async (format: Format) => {
      run.current = new AbortController();
      const { signal } = run.current;
      const asked = {
        ...filtersOf(search),
        occurredAfter: from && timestampFromDate(from),
        occurredBefore: search.to ? timestampFromDate(new Date(search.to)) : undefined,
      };
      setRead(0);
      // The browser can put blobs aside; texts would stay in the memory of the page.
      const parts = [new Blob([format.head])];
      let count = 0;
      try {
        for await (const { entries } of audit.exportAuditEntries(asked, { signal })) {
          parts.push(new Blob([format.rows(entries)]));
          count += entries.length;
          setRead(count);
        }
      } catch (thrown) {
        if (signal.aborted) return;
        throw thrown;
      }
      download(fileName(format.ending), format.mime, parts);
      toast.done(`Exported ${countOf(count)}`);
    },
  });
  return { start: mutate, running: isPending, read, stop: () => run.current?.abort() };
}

function fileName(ending: string): string {
  return `audit-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${ending}`;
}
