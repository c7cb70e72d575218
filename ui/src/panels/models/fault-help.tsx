import { Link } from '@tanstack/react-router';
import { type Capability, useModels } from './use-models';

interface FaultHelpProps {
  /** Of the contract, as a call of a model was refused with. */
  reason: string | undefined;
  capability: Capability;
}

/** What can be done about a refusal, where the refusal itself does not say it. */
export function FaultHelp({ reason, capability }: FaultHelpProps) {
  if (reason === 'MODEL_NOT_ALLOWED') return <Allowed capability={capability} />;
  if (reason !== 'QUOTA_EXCEEDED') return null;
  return (
    <>
      {' '}
      What you have used is on your{' '}
      <Link to="/account" className="rounded font-medium underline underline-offset-2">
        account page
      </Link>
      ; an admin can give you more.
    </>
  );
}

const list = new Intl.ListFormat('en', { type: 'disjunction' });

/** Asks anew: what is allowed has changed since the models were listed, it seems. */
function Allowed({ capability }: { capability: Capability }) {
  const { data: models } = useModels(capability, { refetchOnMount: 'always' });
  if (!models) return null;
  if (models.length === 0) return <> You may use none now: ask an admin.</>;
  return <> Choose {list.format(models.map(({ name }) => name))}.</>;
}
