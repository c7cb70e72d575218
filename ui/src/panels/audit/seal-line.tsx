import type { AuditSeal } from '../../gen/paddock/v1/audit_pb';
import { Notice } from '../../ui/notice';
import { Time } from '../../ui/time';
import { countOf } from './entry';

/** How far the log is protected against changes, and whether any was found. */
export function SealLine({ seal }: { seal?: AuditSeal }) {
  if (!seal) return <p className="text-sm text-fg-3">Not sealed.</p>;
  if (seal.fault) {
    return (
      <Notice tone="bad">
        The seal of the log does not hold: {seal.fault}. <code>paddock audit verify</code> names all that is
        wrong.
      </Notice>
    );
  }
  return (
    <p className="text-sm text-fg-3">
      {countOf(Number(seal.entries))} sealed, the last <Time at={seal.sealedAt} exactly />.{' '}
      {seal.verifiedAt ? (
        <>
          Verified up to <Time at={seal.verifiedAt} exactly />: {countOf(Number(seal.verifiedEntries))}.
        </>
      ) : (
        'Not verified yet.'
      )}
    </p>
  );
}
