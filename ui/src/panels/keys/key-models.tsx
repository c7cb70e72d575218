import { useChange } from '../../api/change';
import { type Credential, CredentialService } from '../../gen/paddock/v1/credentials_pb';
import { toast } from '../../ui/toast';
import { listOf } from '../models/model-list';
import { ModelsDialog } from '../models/models-dialog';

/** What follows from a list of models, for a key. */
export const consequence =
  'Calls with the key to any other model are refused. It never reaches more models than its user may.';

/** Changes which models a key may use. */
export function KeyModels({
  credential: { id, label, models },
  onClose,
}: {
  credential: Credential;
  onClose: () => void;
}) {
  const set = useChange(CredentialService.method.setCredentialModels, {
    meta: { inPlace: true },
    onSuccess: () => {
      toast.done(`Models of ${label} saved`);
      onClose();
    },
  });
  return (
    <ModelsDialog
      title={`Models of ${label}`}
      allowed={models?.names}
      action="Save models"
      onSave={(allowed) => set.mutate({ id, models: listOf(allowed) })}
      onClose={onClose}
      busy={set.isPending}
      error={set.error}
    >
      {consequence} Running answers go on; the next call is held to it.
    </ModelsDialog>
  );
}
