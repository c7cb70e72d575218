import { useNavigate, useParams, useRouter, useSearch } from '@tanstack/react-router';
import { Radio, ScrollText } from 'lucide-react';
import { useRef } from 'react';
import { faultOf } from '../../api/errors';
import { Button, ButtonLink } from '../../ui/button';
import { EmptyState } from '../../ui/empty-state';
import { ErrorNotice } from '../../ui/notice';
import { Card, Page } from '../../ui/page';
import { useShortcuts } from '../../ui/shortcuts';
import { EntriesTable } from './entries-table';
import { EntrySheet } from './entry-sheet';
import { ExportMenu } from './export-menu';
import { Filters } from './filters';
import { Histogram } from './histogram';
import { filtersIn } from './search';
import { SealLine } from './seal-line';
import { useEntries } from './use-entries';
import { useFilters } from './use-filters';

/** Who did what: the entries that the address asks for, and the one that it names. */
export function Audit() {
  const { entryId } = useParams({ from: '/shell/audit/{-$entryId}' });
  const search = useSearch({ from: '/shell/audit/{-$entryId}' });
  const navigate = useNavigate({ from: '/audit/{-$entryId}' });
  const router = useRouter();
  const openedHere = useRef(false);
  const log = useEntries(search);
  const { filters, load } = useFilters(log.reload);
  const { entries, error } = log;
  const inFields = error && Object.keys(faultOf(error).fields).some((field) => field !== 'pageToken');

  const open = (id: string) => {
    openedHere.current = true;
    void navigate({ params: { entryId: id }, search: (all) => all });
  };
  const close = () => {
    if (openedHere.current) return router.history.back();
    void navigate({ params: { entryId: undefined }, search: (all) => all, replace: true });
  };
  const toggleLive = () =>
    void navigate({
      search: (all) => ({
        ...all,
        live: all.live ? undefined : true,
        page: undefined,
        after: undefined,
        at: undefined,
      }),
      replace: true,
    });

  useShortcuts({
    r: log.reload,
  });

  return (
    <Page
      title="Audit log"
      lead="Every security-relevant act and refusal, the newest first."
      actions={
        <>
          <Button look={search.live && 'primary'} aria-pressed={search.live ?? false} onClick={toggleLive}>
            <Radio className={search.live && 'animate-pulse'} aria-hidden />
            Live
          </Button>
          <ExportMenu search={search} from={log.shown.from} disabled={!entries?.length} />
        </>
      }
    >
      {entries && <SealLine seal={log.seal} />}
      {entries && entries.length > 0 && <Histogram search={search} shown={log.shown} />}
      <Filters
        filters={filters}
        count={filtersIn(search)}
        onLoad={load.mutate}
        busy={load.isPending || (log.isFetching && !search.live)}
        error={load.error ?? (inFields ? error : undefined)}
      />
      {error && !inFields && <ErrorNotice error={error} onRetry={log.retry} />}
      {(entries ?? !error) && (
        <Card flush>
          {entries?.length === 0 ? (
            <Nothing />
          ) : (
            <EntriesTable
              entries={entries}
              stale={log.isPlaceholderData}
              selected={entryId}
              onOpen={open}
              pagination={log.pagination}
            />
          )}
        </Card>
      )}
      <EntrySheet entryId={entryId} listed={entries?.find(({ id }) => id === entryId)} onClose={close} />
    </Page>
  );
}

function Nothing() {
  return (
    <EmptyState
      icon={<ScrollText />}
      title="No entry is like that"
      action={
        <ButtonLink to="/audit/{-$entryId}" params={{ entryId: undefined }}>
          Clear the filters
        </ButtonLink>
      }
    >
      Event types are found by any part of their name: login, api_key, denied. A user is found as the one who
      did it and as the one to whom it was done.
    </EmptyState>
  );
}
