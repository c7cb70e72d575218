import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useState, type ReactNode } from 'react';
import { Button } from './button';
import { backdropClasses, dialogClasses, DialogContent } from './dialog';
import { Field, Input } from './field';

interface ConfirmDialogProps {
  open: boolean;
  onClose: () => void;
  /** Names the object: "Revoke ci-token?" */
  title: string;
  /** Names the consequence: "Calls using it fail at once." */
  children: ReactNode;
  /** The verb on the button: "Revoke". */
  action: string;
  onConfirm: () => void;
  busy?: boolean;
  /** What must be typed first, for the gravest of acts. */
  typed?: string;
}

/** Asks before something is destroyed. */
export function ConfirmDialog({
  open,
  onClose,
  title,
  children,
  action,
  onConfirm,
  busy = false,
  typed = '',
}: ConfirmDialogProps) {
  const [text, setText] = useState('');
  return (
    <AlertDialog.Root
      open={open}
      onOpenChange={(opened) => !opened && onClose()}
      onOpenChangeComplete={(opened) => !opened && setText('')}
    >
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={backdropClasses} forceRender />
        <AlertDialog.Popup className={dialogClasses}>
          <DialogContent
            footer={
              <>
                <AlertDialog.Close render={<Button>Cancel</Button>} />
                <Button look="destroy" busy={busy} disabled={text !== typed} onClick={onConfirm}>
                  {action}
                </Button>
              </>
            }
          >
            <AlertDialog.Title className="text-lg font-semibold tracking-tight wrap-anywhere">
              {title}
            </AlertDialog.Title>
            <AlertDialog.Description className="text-fg-2">{children}</AlertDialog.Description>
            {typed && (
              <Field
                name="typed"
                label={
                  <>
                    To confirm, type <b className="font-semibold wrap-anywhere">{typed}</b>
                  </>
                }
              >
                <Input
                  value={text}
                  onChange={(event) => setText(event.target.value)}
                  autoComplete="off"
                  spellCheck={false}
                />
              </Field>
            )}
          </DialogContent>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
