import { type ReactNode, useId, useState } from 'react';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Form } from '../../ui/form';
import { Notice } from '../../ui/notice';
import { Switch } from '../../ui/switch';
import { type Allowed, faultIn } from './model-list';
import { ErrorWords } from '../../ui/words';
import { ModelNames } from './model-names';

interface ModelsDialogProps {
  onClose: () => void;
  /** Whose models: "Models of ci-token". */
  title: string;
  /** What holds now. */
  allowed: Allowed;
  /** The verb on the button. */
  action: string;
  onSave: (allowed: Allowed) => void;
  busy?: boolean;
  error?: Error | null;
  /** What follows from a list. */
  children: ReactNode;
}

/** All models, or only some. Mounted when it opens. */
export function ModelsDialog({
  onClose,
  title,
  allowed,
  action,
  onSave,
  busy,
  error,
  children,
}: ModelsDialogProps) {
  const [all, setAll] = useState(allowed === undefined);
  const [names, setNames] = useState(allowed ?? []);
  const form = useId();
  const fault = error && (faultIn(names, error) ?? <ErrorWords error={error} />);
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={busy}>
            {action}
          </Button>
        </>
      }
    >
      <Form id={form} onSubmit={() => onSave(all ? undefined : names)}>
        <p className="text-fg-2">{children}</p>
        {fault && <Notice tone="bad">{fault}</Notice>}
        <div className="border-y border-line">
          <Switch
            label="All models"
            hint="Those that are still to come, too."
            checked={all}
            onChange={setAll}
          />
        </div>
        {!all && <ModelNames names={names} onChange={setNames} />}
      </Form>
    </Dialog>
  );
}
